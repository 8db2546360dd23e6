"""Signing in: one-time links in, a session out, and a token in each form.

A link is a file under `COPPERMIND_HOME/sign-in`, named by the hash of the link's token and holding the customer's name.
Opening the link shows one button, so that no preview and no prefetch uses it up; pressing that removes the file. So it
works once, whichever process made it, and whoever may read the installation's directory may sign in.
"""

import hashlib
import secrets
from pathlib import Path
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from coppermind_pipeline.accounts import Caller, local_caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.sessions import begin_session, end_session, forget_older, is_younger
from coppermind_pipeline.store import private_directory

LINK_LIFETIME_S = 24 * 3600
SIGN_IN_PATH = "/sign-in"

_USED_UP = "This sign-in link was used before, or it has expired."


def make_sign_in_link(home: Path, public_url: str, *, customer: str = "local") -> str:
    """Return a link that signs one browser in as the given customer: once, within a day."""
    token = secrets.token_urlsafe(32)
    file = _file_of(home, token)
    private_directory(file.parent)
    forget_older(file.parent, LINK_LIFETIME_S)
    file.touch(mode=0o600)
    file.write_text(customer)
    return f"{public_url}{SIGN_IN_PATH}?{urlencode({'token': token})}"


def redeem(home: Path, token: str) -> str | None:
    """Use a link's token up and return its customer; None where it was used before, has expired or never was."""
    file = _file_of(home, token)
    is_good = is_younger(file, LINK_LIFETIME_S)
    try:
        customer = file.read_text()
        file.unlink()  # of two that come at once, one finds it gone
    except FileNotFoundError:
        return None
    return customer if is_good else None


def offer_sign_in(request: Request) -> Response:
    """GET /sign-in?token=…: show the button that uses the link, or how to get one. Changes nothing."""
    token = request.query_params.get("token")
    if token is None:
        return page(request, "sign_in.html", reason="You need a link of your own to come in.")
    if not is_younger(_file_of(_home(request), token), LINK_LIFETIME_S):
        raise HTTPException(401, _USED_UP)
    return page(request, "confirm_sign_in.html", token=token)


async def sign_in(request: Request) -> Response:
    """POST /sign-in: use the link up, open a session and go to the first page."""
    _require_own_page(request)
    token = (await request.form()).get("token")
    customer = redeem(_home(request), token) if isinstance(token, str) else None
    if customer is None:
        raise HTTPException(401, _USED_UP)
    begin_session(request.session, _home(request), customer=customer)
    return RedirectResponse("/", status_code=303)


async def sign_out(request: Request) -> Response:
    """POST /sign-out: end the session."""
    await checked_form(request)
    end_session(request.session, _home(request))
    return RedirectResponse("/", status_code=303)


def bearer_token(connection: HTTPConnection) -> str | None:
    """Return what a script shows in `Authorization: Bearer …`; None where it shows nothing."""
    scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else None


def signed_in_customer(request: Request) -> str:
    """Return the customer of the request's session; answers 401 where there is none."""
    customer = request.session.get("customer")
    if not isinstance(customer, str):
        raise HTTPException(401, "You are not signed in.")
    return customer


def on_behalf_of(request: Request) -> tuple[Installation, Caller]:
    """Return the installation, and the customer of the request's session as its caller; answers 401 without one."""
    installation: Installation = request.app.state.installation
    return installation, local_caller(installation.database, signed_in_customer(request))


async def checked_form(request: Request) -> dict[str, str]:
    """Return a form's fields; answers 401 without a session, and 403 where the form does not carry its token."""
    signed_in_customer(request)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    if not secrets.compare_digest(fields.get("csrf", "").encode(), request.session["csrf"].encode()):
        raise HTTPException(403, "The form was not sent from this session's own page.")
    return fields


def _require_own_page(request: Request) -> None:
    """Answer 403 to a form of another site: it would sign this browser in for somebody else, who then sees its work."""
    host = request.headers.get("host", "")
    public_url = request.app.state.installation.settings.public_url
    if request.headers.get("origin", public_url) not in {public_url, f"http://{host}", f"https://{host}"}:
        raise HTTPException(403, "This form was sent by a page of another site.")


def _home(request: Request) -> Path:
    return request.app.state.installation.settings.home


def _file_of(home: Path, token: str) -> Path:
    return home / "sign-in" / hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
