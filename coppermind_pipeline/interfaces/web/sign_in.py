"""Signing in: one-time links in, a session cookie out, and a token in each form.

A link is a file under `COPPERMIND_HOME/sign-in`, named by the hash of the link's token and holding the customer's name.
Redeeming it removes the file, so that it works once, whichever process made it, and whoever may read the installation's
directory may sign in.
"""

import hashlib
import secrets
import time
from pathlib import Path
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coppermind_pipeline.accounts import Caller, local_caller
from coppermind_pipeline.interfaces.installation import Installation

LINK_LIFETIME_S = 24 * 3600
SIGN_IN_PATH = "/sign-in"


def make_sign_in_link(home: Path, public_url: str, *, customer: str = "local") -> str:
    """Return a link that signs one browser in as the given customer: once, within a day."""
    token = secrets.token_urlsafe(32)
    file = _file_of(home, token)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _forget_expired(file.parent)
    file.touch(mode=0o600)
    file.write_text(customer)
    return f"{public_url}{SIGN_IN_PATH}?{urlencode({'token': token})}"


def redeem(home: Path, token: str) -> str | None:
    """Use a link's token up and return its customer; None where it was used before, has expired or never was."""
    file = _file_of(home, token)
    try:
        customer, made_at = file.read_text(), file.stat().st_mtime
        file.unlink()  # of two that come at once, one finds it gone
    except FileNotFoundError:
        return None
    return customer if time.time() - made_at <= LINK_LIFETIME_S else None


def session_key(home: Path) -> str:
    """Return the key that session cookies are signed with; it lasts, so that a restart signs nobody out."""
    file = home / "web-session.key"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        draft = home / f"web-session.key.{secrets.token_hex(8)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        # Two processes that start at once end up with one key: the first link wins.
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


def sign_in(request: Request) -> Response:
    """GET /sign-in?token=…: open a session and go to the first page."""
    customer = redeem(request.app.state.installation.settings.home, request.query_params.get("token", ""))
    if customer is None:
        raise HTTPException(401, "This sign-in link was used before, or it has expired.")
    request.session.clear()
    request.session.update(customer=customer, csrf=secrets.token_urlsafe(32))
    return RedirectResponse("/", status_code=303)


async def sign_out(request: Request) -> Response:
    """POST /sign-out: end the session."""
    await checked_form(request)
    request.session.clear()
    return RedirectResponse("/", status_code=303)


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


def _file_of(home: Path, token: str) -> Path:
    return home / "sign-in" / hashlib.sha256(token.encode()).hexdigest()


def _forget_expired(directory: Path) -> None:
    for file in directory.iterdir():
        if time.time() - file.stat().st_mtime > LINK_LIFETIME_S:
            file.unlink(missing_ok=True)
