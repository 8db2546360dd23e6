"""The keys that credentials are encrypted with: where they come from, and how they are replaced.

A key is 32 random bytes; its id is the beginning of its digest, so that no two installations can mean different keys
by one id. The first key encrypts, all of them decrypt.
"""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes

from coppermind_pipeline.connectors.errors import InvalidKeys, KeyFileExposed, KeyMissing
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store.files import locked

KEY_BYTES = 32
KEY_FILE = "encryption.keys"

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Key:
    """One AES-256 key and the id under which ciphertexts name it."""

    id: str
    secret: SecretBytes

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Return the key with its id."""
        return cls(hashlib.sha256(b"coppermind key id " + secret).hexdigest()[:12], SecretBytes(secret))


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The installation's keys, newest first, and where they came from."""

    keys: tuple[Key, ...]
    source: str

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Return the configured keys, else those of the key file, which is made where there is none.

        Read anew for each use: a rotation by another process is seen at once.

        Raises:
            InvalidKeys: a key is not 32 bytes in base64.
            KeyFileExposed: the key file's mode lets others read it.
        """
        if settings.encryption_keys is not None:
            source = "COPPERMIND_ENCRYPTION_KEYS"
            return cls(_parse(settings.encryption_keys.get_secret_value(), source), source)
        path = key_file(settings)
        if not path.exists():
            with _lock(path):
                if not path.exists():
                    _write(path, [secrets.token_bytes(KEY_BYTES)])
        return cls(_parse(_read(path), str(path)), str(path))

    def encrypt(self, plain: bytes, *, connector_id: str) -> tuple[str, bytes]:
        """Return the newest key's id, and the ciphertext, which decrypts for this connector and key only."""
        key = self.keys[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(key.secret.get_secret_value()).encrypt(nonce, plain, _associated(connector_id, key.id))
        return key.id, nonce + sealed

    def decrypt(self, sealed: bytes, *, connector_id: str, key_id: str) -> bytes:
        """Return what was encrypted.

        Raises:
            KeyMissing: the key is not at hand.
            cryptography.exceptions.InvalidTag: the ciphertext was altered, or belongs to another connector.
        """
        key = self._key(key_id)
        if key is None:
            raise KeyMissing(
                f"The credentials of {connector_id} were encrypted with key {key_id}, which is not at hand."
            )
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return AESGCM(key.secret.get_secret_value()).decrypt(nonce, ciphertext, _associated(connector_id, key_id))

    def derive(self, purpose: str, *, key_id: str) -> bytes:
        """Return 32 bytes that only who holds the key can tell, the same ones for the same purpose each time.

        Raises:
            KeyMissing: the key is not at hand.
        """
        key = self._key(key_id)
        if key is None:
            raise KeyMissing(f"Key {key_id}, which an authorization link was made with, is not at hand.")
        return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(key.secret.get_secret_value())

    def _key(self, key_id: str) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)


def add_key(settings: Settings) -> None:
    """Put a new key before the others in the key file; those stay, because ciphertexts may still need them.

    Where the keys come from COPPERMIND_ENCRYPTION_KEYS nothing is added: the operator has put a new one first.
    """
    if settings.encryption_keys is not None:
        return
    KeyRing.load(settings)
    path = key_file(settings)
    with _lock(path):
        known = [key.secret.get_secret_value() for key in _parse(_read(path), str(path))]
        _write(path, [secrets.token_bytes(KEY_BYTES), *known])


def key_file(settings: Settings) -> Path:
    """Return where the keys lie if none are configured."""
    return settings.home / KEY_FILE


def _associated(connector_id: str, key_id: str) -> bytes:
    return f"connector:{connector_id}:{key_id}".encode()


def _lock(path: Path) -> AbstractContextManager[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return locked(path.with_name(path.name + ".lock"))


def _write(path: Path, keys: list[bytes]) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    text = "".join(base64.b64encode(key).decode() + "\n" for key in keys)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _read(path: Path) -> str:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileExposed(f"{path} can be read by other users.", hint=f"Run `chmod 600 {path}`.")
    return path.read_text()


def _parse(text: str, source: str) -> tuple[Key, ...]:
    entries = text.replace(",", "\n").split()
    try:
        secret_keys = [base64.b64decode(entry.replace("-", "+").replace("_", "/"), validate=True) for entry in entries]
    except (binascii.Error, ValueError):
        secret_keys = []
    if not secret_keys or any(len(key) != KEY_BYTES for key in secret_keys):
        # Without the cause, which would carry the key's text.
        raise InvalidKeys(f"{source} does not hold usable encryption keys.") from None
    return tuple(Key.of(key) for key in dict.fromkeys(secret_keys))
