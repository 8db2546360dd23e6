"""Signing in: one-time links in, a session out, and a token in each form.

Opening a link shows one button, so that no preview and no prefetch uses it up; pressing that does, whichever process
made the link. Whoever may run commands of the installation may make one.
"""

import secrets
from urllib.parse import urlencode

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from coppermind_pipeline.accounts import Caller, begin_session, make_sign_in_token, sign_in_token_works
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.sessions import (
    SignedIn,
    end_session_of,
    forget_session,
    keep_session,
    signed_in,
)
from coppermind_pipeline.store import Database

SIGN_IN_PATH = "/sign-in"

_USED_UP = "This sign-in link was used before, or it has expired."


def make_sign_in_link(database: Database, public_url: str, *, customer: str = "local") -> str:
    """Return a link that signs one browser in as the given customer: once, within a day.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    token = make_sign_in_token(database, customer=customer).get_secret_value()
    return f"{public_url}{SIGN_IN_PATH}?{urlencode({'token': token})}"


def offer_sign_in(request: Request) -> Response:
    """GET /sign-in?token=…: show the button that uses the link, or how to get one. Changes nothing."""
    token = request.query_params.get("token")
    if token is None:
        return page(request, "sign_in.html", reason="You need a link of your own to come in.")
    if not sign_in_token_works(_installation(request).database, SecretStr(token)):
        raise HTTPException(401, _USED_UP)
    return page(request, "confirm_sign_in.html", token=token)


async def sign_in(request: Request) -> Response:
    """POST /sign-in: use the link up, open a session and go to the first page."""
    _require_own_page(request)
    token = (await request.form()).get("token")
    database = _installation(request).database
    secret = await run_in_threadpool(begin_session, database, SecretStr(token)) if isinstance(token, str) else None
    if secret is None:
        raise HTTPException(401, _USED_UP)
    await run_in_threadpool(end_session_of, request)  # that of whoever was signed in in this browser before
    response = RedirectResponse("/", status_code=303)
    keep_session(response, secret, https_only=request.app.state.https_only)
    return response


async def sign_out(request: Request) -> Response:
    """POST /sign-out: end the session."""
    await checked_form(request)
    await run_in_threadpool(end_session_of, request)
    response = RedirectResponse("/", status_code=303)
    forget_session(response)
    return response


def bearer_token(connection: HTTPConnection) -> str | None:
    """Return what a script shows in `Authorization: Bearer …`; None where it shows nothing."""
    scheme, _, shown = connection.headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else None


def require_signed_in(request: Request) -> SignedIn:
    """Return who sends a request; answers 401 where that is not known."""
    user = signed_in(request)
    if user is None:
        raise HTTPException(401, "You are not signed in.")
    return user


def on_behalf_of(request: Request) -> tuple[Installation, Caller]:
    """Return the installation, and the customer of the request's session as its caller; answers 401 without one."""
    return _installation(request), Caller(require_signed_in(request).session.customer_id)


async def checked_form(request: Request) -> dict[str, str]:
    """Return a form's fields; answers 401 without a session, and 403 where the form does not carry its token."""
    user = require_signed_in(request)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    if not secrets.compare_digest(fields.get("csrf", "").encode(), user.csrf.encode()):
        raise HTTPException(403, "The form was not sent from this session's own page.")
    return fields


def _require_own_page(request: Request) -> None:
    """Answer 403 to a form of another site: it would sign this browser in for somebody else, who then sees its work."""
    host = request.headers.get("host", "")
    public_url = _installation(request).settings.public_url
    if request.headers.get("origin", public_url) not in {public_url, f"http://{host}", f"https://{host}"}:
        raise HTTPException(403, "This form was sent by a page of another site.")


def _installation(request: Request) -> Installation:
    return request.app.state.installation
