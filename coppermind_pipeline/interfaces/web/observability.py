"""Health and metrics, for whoever watches over the installation."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coppermind_pipeline.store import Database


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
    """GET /metrics, for Prometheus on this machine: how many connectors there are, and how current they are."""
    # A proxy on this machine is named in the address, or names the client that it speaks for.
    if request.client is None or request.client.host not in {"127.0.0.1", "::1"} or request.url.hostname not in {
        "127.0.0.1", "localhost", "::1"
    } or "forwarded" in request.headers or "x-forwarded-for" in request.headers:  # fmt: skip
        raise HTTPException(403, "Metrics are for this machine alone.")
    return Response(generate_latest(_registry(request.app.state.installation.database)), media_type=CONTENT_TYPE_LATEST)


def _registry(database: Database) -> CollectorRegistry:
    registry = CollectorRegistry()
    connectors = Gauge("coppermind_connectors", "Connectors by status.", ["status"], registry=registry)
    lag = Gauge(
        "coppermind_oldest_pull_age_seconds",
        "Time since the last successful pull of the active connector that is furthest behind.",
        registry=registry,
    )
    backfills = Gauge("coppermind_backfills_running", "Backfills that are not complete.", registry=registry)
    for status in ("pending_setup", "active", "inactive"):
        connectors.labels(status).set(0)
    with database.scheduler() as connection:
        for status, number in connection.execute(text("SELECT status, count(*) FROM connectors GROUP BY status")):
            connectors.labels(status).set(number)
        row = connection.execute(text(_CURRENCY)).one()
    lag.set(row.lag_s or 0)
    backfills.set(row.backfills)
    return registry


_CURRENCY = """
    SELECT extract(epoch FROM max(now() - coalesce(p.last_succeeded_at, c.connected_at)))::float AS lag_s,
           count(*) FILTER (WHERE b.started_at IS NOT NULL AND b.completed_at IS NULL) AS backfills
      FROM connectors c
      LEFT JOIN hubspot_polls p ON p.connector_id = c.id
      LEFT JOIN hubspot_backfills b ON b.connector_id = c.id
     WHERE c.status = 'active'
"""
