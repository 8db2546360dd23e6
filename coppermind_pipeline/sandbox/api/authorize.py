"""The page where a person lets the app into a portal, or does not.

Source: HubSpot, OAuth quickstart: parameters, exact redirect URI (https, or http for the host localhost only), and
that nothing is sent back after a refusal; its help page on permission errors: which links it refuses, in which words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.state.sandbox import Sandbox

_PAGES = Environment(loader=PackageLoader("coppermind_pipeline.sandbox", "data"), autoescape=True)


INSUFFICIENT_SCOPES = (
    "Couldn't complete the connection: Authorization failed because the provided scopes are insufficient. "
    "Please contact the app developer."
)
MISMATCHED_SCOPES = (
    "Couldn't complete the connection: Authorization failed because there is a mismatch between the scopes in the "
    "install URL and the app's configured scopes. Please contact the app developer."
)
# HubSpot's words for these three are not public.
UNKNOWN_CLIENT = (
    "Couldn't complete the connection: Authorization failed because no app has this client ID. "
    "Please contact the app developer."
)
UNKNOWN_REDIRECT = (
    "Couldn't complete the connection: Authorization failed because the redirect URL doesn't match one that is "
    "registered for this app. Please contact the app developer."
)
ACCOUNT_NOT_ALLOWED = (
    "Couldn't complete the connection: Authorization failed because this app can't be installed in this account. "
    "Please contact the app developer."
)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What an install link asks for."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]
    state: str | None
    code_challenge: str | None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "AuthorizationRequest":
        """Read it from the page's address; raises ValueError with what HubSpot's error page would say."""
        challenge = query.get("code_challenge")
        if challenge is not None and query.get("code_challenge_method") != "S256":
            raise ValueError("Couldn't complete the connection: code_challenge_method must be S256.")
        return cls(
            client_id=query.get("client_id", ""),
            redirect_uri=query.get("redirect_uri", ""),
            scopes=tuple(dict.fromkeys(query.get("scope", "").split())),
            optional_scopes=tuple(query.get("optional_scope", "").split()),
            state=query.get("state"),
            code_challenge=challenge,
        )


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
    decision = fields.get("decision")
    try:
        wanted = AuthorizationRequest.read(fields)
        _check_app(sandbox, wanted)
        portal = _chosen_portal(sandbox, fields.get("hub_id") or request.path_params.get("hub_id"))
        if decision is not None:
            _check_account(sandbox, portal)
    except ValueError as wrong:
        return _page("authorize_error.html", status=400, message=str(wrong))
    if decision == "approve":
        return _approved(sandbox, portal, wanted)
    if decision == "deny":
        return _denied(portal, wanted)
    return _page("authorize.html", wanted=wanted, chosen=portal, portals=list(sandbox), fields=fields)


def _approved(sandbox: Sandbox, portal: Portal, wanted: AuthorizationRequest) -> Response:
    # An optional scope that the app or the account lacks is dropped.
    optional = [scope for scope in wanted.optional_scopes if scope in sandbox.app.optional_scopes]
    scopes = tuple(
        scope for scope in dict.fromkeys([*wanted.scopes, *optional]) if scope not in portal.switches.withheld_scopes
    )
    portal.uninstalled = False
    code = sandbox.grants.issue_code(
        client_id=wanted.client_id,
        hub_id=portal.hub_id,
        scopes=scopes,
        redirect_uri=wanted.redirect_uri,
        code_challenge=wanted.code_challenge,
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
    app = sandbox.app
    if wanted.client_id != sandbox.config.client_id:
        raise ValueError(UNKNOWN_CLIENT)
    if not allowed_redirect(wanted.redirect_uri) or wanted.redirect_uri not in (
        app.redirect_uris or [wanted.redirect_uri]
    ):
        raise ValueError(UNKNOWN_REDIRECT)
    if not set(wanted.scopes) <= set(app.required_scopes):
        raise ValueError(MISMATCHED_SCOPES)
    if not set(app.required_scopes) <= set(wanted.scopes):
        raise ValueError(INSUFFICIENT_SCOPES)


def _check_account(sandbox: Sandbox, portal: Portal) -> None:
    allowed = sandbox.app.allowed_accounts
    if allowed is not None and portal.hub_id not in allowed:
        raise ValueError(ACCOUNT_NOT_ALLOWED)


def _chosen_portal(sandbox: Sandbox, hub_id: str | int | None) -> Portal:
    if hub_id is None or hub_id == "":
        return sandbox.first_portal()
    portal = sandbox.portals.get(int(hub_id)) if str(hub_id).isdigit() else None
    if portal is None:
        raise ValueError(f"You don't have access to the account {hub_id}.")
    return portal


def _page(name: str, *, status: int = 200, **values: object) -> Response:
    return HTMLResponse(_PAGES.get_template(name).render(**values), status_code=status)
