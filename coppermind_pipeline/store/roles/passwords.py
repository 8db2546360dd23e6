"""Passwords of database logins: derived from a key, so that they are stored nowhere, and can be told again.

Machines that share a server share the key; where none is given, it is in a file of the installation's home.
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import psycopg
from psycopg import sql

from coppermind_pipeline.store.files import locked

KEY_FILE = "database-logins.key"

# The home that the key's file is in, which is made where there is none, or the key itself.
LoginKey = Path | bytes

_KEY_BYTES = 32


def password_of(key: LoginKey, role: str) -> str:
    """Return the password of a role in the servers that whoever has the key works with."""
    return base64.urlsafe_b64encode(hmac.digest(_read(key), role.encode(), "sha256")).decode().rstrip("=")


def key_fingerprint(key: LoginKey) -> str:
    """Return what tells this key from any other, and says nothing about it."""
    return hashlib.sha256(b"coppermind database logins " + _read(key)).hexdigest()[:12]


def let_in(connection: psycopg.Connection, role: str, password: str) -> None:
    """Make a role one that logs in with the password; the server is sent, and keeps, its SCRAM verifier alone."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _read(key: LoginKey) -> bytes:
    if isinstance(key, bytes):
        return key
    file = key / KEY_FILE
    if not file.exists():
        key.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(key / f"{KEY_FILE}.lock"):
            if not file.exists():
                _write_new(file)
    return file.read_bytes()


def _write_new(file: Path) -> None:
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as written:
        written.write(secrets.token_bytes(_KEY_BYTES))
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)
