"""Sessions: a signed cookie in the browser, and a file under `COPPERMIND_HOME/sessions` for as long as it is good.

The file is named by the hash of the session's id. Signing out removes it, so that a copy of the cookie is worth nothing
from then on, in whichever process that reads this home.
"""

import hashlib
import secrets
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from coppermind_pipeline.store import private_directory

SESSION_LIFETIME_S = 14 * 24 * 3600


def session_middleware(home: Path, *, https_only: bool) -> list[Middleware]:
    """Return what gives each request its session; one that ended on the server counts as none."""
    return [
        Middleware(
            SessionMiddleware,
            secret_key=session_key(home),
            session_cookie="coppermind_session",
            max_age=SESSION_LIFETIME_S,
            https_only=https_only,
        ),
        Middleware(_LiveSessions, home=home),
    ]


def begin_session(session: MutableMapping[str, Any], home: Path, *, customer: str) -> None:
    """Sign the browser of a request's session in, whoever was signed in there before."""
    end_session(session, home)
    session_id = secrets.token_urlsafe(32)
    file = _file_of(home, session_id)
    private_directory(file.parent)
    forget_older(file.parent, SESSION_LIFETIME_S)
    file.touch(mode=0o600)
    session.update(id=session_id, customer=customer, csrf=secrets.token_urlsafe(32))


def end_session(session: MutableMapping[str, Any], home: Path) -> None:
    """End a request's session, on the server as in the browser."""
    if "id" in session:
        _file_of(home, session["id"]).unlink(missing_ok=True)
    session.clear()


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


def forget_older(directory: Path, lifetime_s: float) -> None:
    """Remove a directory's files that are older than that."""
    for file in directory.iterdir():
        if not is_younger(file, lifetime_s):
            file.unlink(missing_ok=True)


def is_younger(file: Path, lifetime_s: float) -> bool:
    """Say whether a file is there, and was written within that time."""
    try:
        return time.time() - file.stat().st_mtime <= lifetime_s
    except FileNotFoundError:
        return False


class _LiveSessions:
    """Empties the session of a cookie whose file is gone."""

    def __init__(self, app: ASGIApp, *, home: Path) -> None:
        self._app, self._home = app, home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            session = HTTPConnection(scope).session
            if session and not await run_in_threadpool(self._is_live, session):
                session.clear()
        await self._app(scope, receive, send)

    def _is_live(self, session: MutableMapping[str, Any]) -> bool:
        return "id" in session and is_younger(_file_of(self._home, session["id"]), SESSION_LIFETIME_S)


def _file_of(home: Path, session_id: str) -> Path:
    return home / "sessions" / hashlib.sha256(session_id.encode()).hexdigest()
