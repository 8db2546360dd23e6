"""The web service's routes, and what wraps all of them: sessions, allowed hosts, security headers, error pages."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from secure import (
    CacheControl,
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)
from secure.middleware import SecureASGIMiddleware
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from coppermind_pipeline.errors import CoppermindError, HealsByItself, UsageError
from coppermind_pipeline.interfaces.faults import known_fault
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import connectors_page, observability, reports_page, sign_in
from coppermind_pipeline.interfaces.web.briefing import brief_page, digest_page
from coppermind_pipeline.interfaces.web.callback import hubspot_callback
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.request_ids import RequestIds, request_id
from coppermind_pipeline.interfaces.web.sessions import session_middleware
from coppermind_pipeline.settings import CALLBACK_PATH, RUNBOOK_PATH, Settings

log = structlog.get_logger(__name__)


def create_app(installation: Installation) -> Starlette:
    """Return the web service as an ASGI application.

    The callback and `/healthz` are open, `/metrics` is for this machine or a token, everything else needs a session.
    """
    settings = installation.settings
    app = Starlette(routes=_routes(installation), middleware=_middleware(settings), exception_handlers=error_pages())
    app.state.installation = installation
    app.state.https_only = _is_https(settings)
    return app


def _routes(installation: Installation) -> Sequence[Route | Mount]:
    return [
        Route("/healthz", observability.healthz),
        Route("/metrics", observability.metrics),
        Mount("/static", static_files(), name="static"),
        Mount("/", routes=_pages(), middleware=[session_middleware(installation.database)]),
    ]


def _pages() -> Sequence[Route]:
    return [
        Route("/", digest_page.show_digest, name="digest"),
        Route("/connectors", connectors_page.show_connectors, name="connectors"),
        Route("/connectors/states", connectors_page.show_states, name="states"),
        Route("/connectors/connect", connectors_page.connect, methods=["POST"], name="connect"),
        Route("/connectors/{connector_id}/events", connectors_page.show_events, name="events"),
        Route("/connectors/{connector_id}/sync", connectors_page.sync, methods=["POST"], name="sync"),
        Route("/connectors/{connector_id}/disconnect", connectors_page.disconnect, methods=["POST"], name="disconnect"),
        Route("/reports", reports_page.show_report, name="reports"),
        Route("/brief", brief_page.show_brief, name="brief"),
        Route(CALLBACK_PATH, hubspot_callback),
        *sign_in_routes(),
        Route("/sign-out", sign_in.sign_out, methods=["POST"], name="sign_out"),
        Route(RUNBOOK_PATH, observability.show_runbook),
    ]


def sign_in_routes() -> Sequence[Route]:
    """Return what a sign-in link leads to: a page with a button, and what the button does."""
    return [
        Route(sign_in.SIGN_IN_PATH, sign_in.offer_sign_in),
        Route(sign_in.SIGN_IN_PATH, sign_in.sign_in, methods=["POST"]),
    ]


def static_files() -> StaticFiles:
    """Return the pages' style sheets and scripts."""
    # A report brings its own style sheet, which its page and its file share.
    return StaticFiles(directory=Path(__file__).parent / "static", packages=[("coppermind_pipeline.reports", "static")])


def _middleware(settings: Settings) -> list[Middleware]:
    public_name = urlsplit(settings.public_url).hostname or "localhost"
    return [
        Middleware(RequestIds),
        Middleware(SecureASGIMiddleware, secure=security_headers(https=_is_https(settings))),
        # Another name for this machine, made up by a web page elsewhere, must not reach the session.
        Middleware(TrustedHostMiddleware, allowed_hosts=[public_name, "localhost", "127.0.0.1"]),
    ]


def _is_https(settings: Settings) -> bool:
    return urlsplit(settings.public_url).scheme == "https"


def security_headers(*, https: bool) -> Secure:
    """Return the headers of our own pages: no script, style or form but ours, in no frame, kept by no cache."""
    policy = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'self'")
        .script_src("'self'")
        .img_src("'self'", "data:")
        .connect_src("'self'")
        .form_action("'self'")
        .base_uri("'none'")
        .frame_ancestors("'none'")
    )
    return Secure(
        csp=policy,
        hsts=StrictTransportSecurity().max_age(365 * 24 * 3600) if https else None,
        xfo=XFrameOptions().deny(),
        xcto=XContentTypeOptions().nosniff(),
        # Callback and sign-in addresses carry secrets, which no other site shall see. Our own forms still name their
        # origin, which browsers leave out under a stricter policy.
        referrer=ReferrerPolicy().same_origin(),
        coop=CrossOriginOpenerPolicy().same_origin(),
        corp=CrossOriginResourcePolicy().same_origin(),
        cache=CacheControl().no_store(),
    )


def error_pages() -> dict:
    """Return how our own pages say what went wrong."""
    return {
        HTTPException: _http_error,
        CoppermindError: _product_error,
        DBAPIError: _database_error,
        Exception: _unexpected_error,
    }


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (what Starlette promises for this handler)
    if error.status_code == 401:
        # A page that keeps itself up to date loads anew where its session has ended.
        return page(request, "sign_in.html", status=401, reason=error.detail, headers={"HX-Refresh": "true"})
    if error.status_code == 404:
        return page(
            request,
            "message.html",
            status=404,
            title="There is no such page",
            message="The address is not one of ours.",
        )
    return page(request, "message.html", status=error.status_code, title="That did not work", message=error.detail,
                headers=error.headers)  # fmt: skip


def _product_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CoppermindError)  # noqa: S101
    status = 400 if isinstance(error, UsageError) else 503 if isinstance(error, HealsByItself) else 409
    return page(
        request, "message.html", status=status, title="That did not work", message=error.message, hint=error.hint
    )


def _database_error(request: Request, error: Exception) -> Response:
    """Say that the database is away, and no more: its address is the operator's; other refusals are faults of ours."""
    known = known_fault(error)
    if known is None:
        raise error
    log.warning("page not served", reason=known.message)
    return page(
        request,
        "message.html",
        status=503,
        title="The database is away",
        message="Nothing that was stored is lost; please try again in a minute.",
    )


def _unexpected_error(request: Request, error: Exception) -> Response:
    # The page shows none of the error; what the server logs of it by itself knows no request.
    log.error("page failed", exc_info=error)
    return page(
        request,
        "message.html",
        status=500,
        title="Something went wrong on our side",
        message="Nothing that was stored before is lost; please try again.",
        hint=f"The web service's log has the error under `request_id` {request_id()}.",
    )
