"""Health and metrics, for whoever watches over the installation."""

import secrets

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coppermind_pipeline.connectors import connectors_by_status
from coppermind_pipeline.interfaces.growth import growth
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.sign_in import bearer_token
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, last_look_for_polls
from coppermind_pipeline.sync import behind

_FORWARDING_HEADERS = {
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
}  # fmt: skip


def healthz(request: Request) -> Response:
    """GET /healthz: 200 where the database answers, else 503."""
    database: Database = request.app.state.installation.database
    try:
        with database.nobody() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"status": "database unavailable"}, status_code=503)
    return JSONResponse({"status": "ok"})


def metrics(request: Request) -> Response:
    """GET /metrics, for Prometheus: how many connectors there are, and how current they are."""
    installation: Installation = request.app.state.installation
    if not (_shows_token(request, installation.settings.metrics_token) or _is_from_this_machine(request)):
        raise HTTPException(403, "Metrics are for this machine, or for whoever shows COPPERMIND_METRICS_TOKEN.")
    registry = _registry(installation.database, installation.settings)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _shows_token(request: Request, token: SecretStr | None) -> bool:
    shown = bearer_token(request)
    return (
        token is not None
        and shown is not None
        and secrets.compare_digest(shown.encode(), token.get_secret_value().encode())
    )


def _is_from_this_machine(request: Request) -> bool:
    # A proxy on this machine is named in the address, or names what it speaks for.
    return (
        request.client is not None
        and request.client.host in {"127.0.0.1", "::1"}
        and request.url.hostname in {"127.0.0.1", "localhost", "::1"}
        and _FORWARDING_HEADERS.isdisjoint(request.headers)
    )


def _registry(database: Database, settings: Settings) -> CollectorRegistry:
    registry = CollectorRegistry()
    connectors = Gauge("coppermind_connectors", "Connectors by status.", ["status"], registry=registry)
    lag = Gauge(
        "coppermind_oldest_pull_age_seconds",
        "Time since the last successful pull of the active connector that is furthest behind.",
        registry=registry,
    )
    backfills = Gauge("coppermind_backfills_running", "Backfills that are not complete.", registry=registry)
    look = Gauge(
        "coppermind_poll_look_age_seconds",
        "Time since due polls were last looked for; NaN where nothing ever did.",
        registry=registry,
    )
    with database.scheduler() as connection:
        for status, number in connectors_by_status(connection).items():
            connectors.labels(status).set(number)
        found = behind(connection)
        last_look = last_look_for_polls(connection)
    _add_growth(registry, database, settings)
    look.set(float("nan") if last_look is None else (database.now() - last_look).total_seconds())
    lag.set(found.oldest_pull_s)
    backfills.set(found.backfills)
    return registry


def _add_growth(registry: CollectorRegistry, database: Database, settings: Settings) -> None:
    """Add how large everything is, and how the removal of what is too old stands; a kind each."""
    kind = ["kind"]
    rows = Gauge("coppermind_store_rows", "Rows that are stored, about.", kind, registry=registry)
    stored = Gauge("coppermind_store_bytes", "Bytes on disk, with indexes.", kind, registry=registry)
    old = Gauge("coppermind_store_old_bytes", "Bytes that retention would free now, about.", kind, registry=registry)
    removed = Counter("coppermind_retention_removed_rows", "Rows that were too old.", kind, registry=registry)
    completed = Gauge(
        "coppermind_retention_completed_timestamp_seconds",
        "When all that was too old had been removed last; NaN before the first time.",
        kind,
        registry=registry,
    )
    found = growth(database, settings)
    for each in found.kinds:
        rows.labels(each.kind).set(each.rows)
        stored.labels(each.kind).set(each.bytes)
        old.labels(each.kind).set(each.old_bytes)
    for standing in found.retention:
        removed.labels(standing.kind).inc(standing.rows_removed)
        last = standing.completed_at
        completed.labels(standing.kind).set(float("nan") if last is None else last.timestamp())
