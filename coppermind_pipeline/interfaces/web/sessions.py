"""The session of a request: a cookie that holds its secret, and all else in the database (`accounts/sessions.py`)."""

import hashlib
import hmac

from pydantic import SecretStr
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from coppermind_pipeline.accounts import SESSION_LIFETIME, Session, end_session, find_session
from coppermind_pipeline.store import Database

_COOKIE = "coppermind_session"


class SignedIn(BaseUser):
    """Whoever sends a request in a session.

    Attributes:
        session: the session.
        csrf: what each form of the session's own pages shows; the session's secret can't be told from it.
    """

    def __init__(self, session: Session) -> None:
        """Derive the token of the session's forms."""
        self.session = session
        self.csrf = hmac.new(session.secret.get_secret_value().encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def is_authenticated(self) -> bool:
        """Say that somebody is signed in."""
        return True


def session_middleware(database: Database) -> Middleware:
    """Return what tells of each request in whose session it is: `signed_in`."""
    return Middleware(AuthenticationMiddleware, backend=_Sessions(database))


def signed_in(connection: HTTPConnection) -> SignedIn | None:
    """Return who sends a request; None where that is not known."""
    user = connection.scope.get("user")
    return user if isinstance(user, SignedIn) else None


def keep_session(response: Response, secret: SecretStr, *, https_only: bool) -> None:
    """Let the browser that gets a response be in a session from now on."""
    response.set_cookie(
        _COOKIE,
        secret.get_secret_value(),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        secure=https_only,
        httponly=True,
        samesite="lax",
    )


def forget_session(response: Response) -> None:
    """Let the browser that gets a response be in no session from now on."""
    response.delete_cookie(_COOKIE)


def end_session_of(request: Request) -> None:
    """End the session that a request is sent in, if any, wherever its secret is shown."""
    user = signed_in(request)
    if user is not None:
        end_session(request.app.state.installation.database, user.session)


class _Sessions(AuthenticationBackend):
    """Finds the session whose secret a request's cookie holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        secret = conn.cookies.get(_COOKIE)
        if not secret:
            return None
        session = await run_in_threadpool(find_session, self._database, SecretStr(secret))
        return None if session is None else (AuthCredentials(), SignedIn(session))
