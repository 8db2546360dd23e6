"""The addresses `/healthz` and `/metrics`, and who may ask for the latter."""

import secrets

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.observability.figures import registry_of
from coppermind_pipeline.interfaces.web.sign_in import bearer_token
from coppermind_pipeline.store import Database

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
    """GET /metrics, for Prometheus: how connectors are, what is at work, and how large everything is."""
    installation: Installation = request.app.state.installation
    if not (_shows_token(request, installation.settings.metrics_token) or _is_from_this_machine(request)):
        raise HTTPException(403, "Metrics are for this machine, or for whoever shows COPPERMIND_METRICS_TOKEN.")
    registry = registry_of(installation.database, installation.settings)
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
