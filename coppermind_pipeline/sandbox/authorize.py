"""The page where a person lets the app into a portal, or does not.

Source: HubSpot, OAuth quickstart: parameters, exact redirect URI (https, or http for the host localhost only), and
that nothing is sent back after a refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from coppermind_pipeline.sandbox.api_scopes import KNOWN_SCOPES
from coppermind_pipeline.sandbox.portal import Portal
from coppermind_pipeline.sandbox.sandbox_state import Sandbox

_PAGES = Environment(loader=PackageLoader("coppermind_pipeline.sandbox", "data"), autoescape=True)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What the app asks for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "AuthorizationRequest":
        """Read it from the page's address; raises ValueError with what HubSpot's error page would say."""
        redirect_uri = query.get("redirect_uri", "")
        if not allowed_redirect(redirect_uri):
            raise ValueError(
                f"Couldn't complete the connection: the redirect URL {redirect_uri!r} must be https,"
                " or http with the host localhost."
            )
        required = query.get("scope", "").replace("+", " ").split()
        unknown = [scope for scope in required if scope not in KNOWN_SCOPES]
        if not required or unknown:
            raise ValueError(
                f"This app asks for scopes that don't exist or can't be granted: {unknown or 'none at all'}."
            )
        optional = [scope for scope in query.get("optional_scope", "").split() if scope in KNOWN_SCOPES]
        scopes = tuple(dict.fromkeys(["oauth", *required, *optional]))
        return cls(query.get("client_id", ""), redirect_uri, scopes, query.get("state"))


def allowed_redirect(uri: str) -> bool:
    """Tell whether HubSpot lets an app register a redirect URI; `http://127.0.0.1` it does not."""
    parts = urlsplit(uri)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "localhost")
    )


async def authorize(request: Request) -> Response:
    """Show the page, or with `decision=approve` or `decision=deny` (in form or address) act on it."""
    sandbox: Sandbox = request.app.state.sandbox
    fields = {**request.query_params}
    if request.method == "POST":
        async with request.form() as form:
            fields |= {name: str(value) for name, value in form.items()}
    try:
        wanted = AuthorizationRequest.read(fields)
        _check_app(sandbox, wanted)
        portal = _chosen_portal(sandbox, fields.get("hub_id") or request.path_params.get("hub_id"))
    except ValueError as wrong:
        return _page("authorize_error.html", status=400, message=str(wrong))
    decision = fields.get("decision")
    if decision == "approve":
        return _approved(sandbox, portal, wanted)
    if decision == "deny":
        return _denied(portal, wanted)
    return _page("authorize.html", wanted=wanted, chosen=portal, portals=list(sandbox), fields=fields)


def _approved(sandbox: Sandbox, portal: Portal, wanted: AuthorizationRequest) -> Response:
    scopes = tuple(scope for scope in wanted.scopes if scope not in portal.switches.withheld_scopes)
    portal.uninstalled = False
    code = sandbox.grants.issue_code(
        client_id=wanted.client_id,
        hub_id=portal.hub_id,
        scopes=scopes,
        redirect_uri=wanted.redirect_uri,
        now_ms=sandbox.clock.now_ms(),
    )
    return _redirect(wanted, {"code": code.value})


def _denied(portal: Portal, wanted: AuthorizationRequest) -> Response:
    if not portal.switches.refusal_redirects:
        return _page("authorize_denied.html")
    return _redirect(wanted, {"error": "access_denied", "error_description": "The user denied the request."})


def _redirect(wanted: AuthorizationRequest, answer: dict[str, str]) -> Response:
    if wanted.state is not None:
        answer["state"] = wanted.state
    joint = "&" if "?" in wanted.redirect_uri else "?"
    return RedirectResponse(f"{wanted.redirect_uri}{joint}{urlencode(answer)}", status_code=302)


def _check_app(sandbox: Sandbox, wanted: AuthorizationRequest) -> None:
    config = sandbox.config
    if wanted.client_id != config.client_id:
        raise ValueError(f"We couldn't find an app with the client ID {wanted.client_id!r}.")
    if config.redirect_uris and wanted.redirect_uri not in config.redirect_uris:
        raise ValueError(
            "Couldn't complete the connection: the redirect URL doesn't match the one registered for this app."
        )


def _chosen_portal(sandbox: Sandbox, hub_id: str | int | None) -> Portal:
    if hub_id is None or hub_id == "":
        return sandbox.first_portal()
    portal = sandbox.portals.get(int(hub_id)) if str(hub_id).isdigit() else None
    if portal is None:
        raise ValueError(f"You don't have access to the account {hub_id}.")
    return portal


def _page(name: str, *, status: int = 200, **values: object) -> Response:
    return HTMLResponse(_PAGES.get_template(name).render(**values), status_code=status)
