"""The installation's settings, read once from the environment (`COPPERMIND_*`) and passed down."""

import base64
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from coppermind_pipeline.errors import UsageError

CALLBACK_PATH = "/oauth/hubspot/callback"
RUNBOOK_PATH = "/runbook"
_LOGIN_KEY_BYTES = 32


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _decoded(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return b""


def _is_postgresql_address(url: str) -> bool:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).get_backend_name() in {"postgresql", "postgres"}
    except (ArgumentError, ValueError):
        return False


class SettingsError(UsageError):
    """A setting is missing or can't be used."""

    code = "settings"


def default_home() -> Path:
    """Return `.coppermind` beside the project's pyproject.toml where there is one, else in the user's home."""
    project = Path(__file__).resolve().parent.parent
    return (project if (project / "pyproject.toml").is_file() else Path.home()) / ".coppermind"


class Settings(BaseSettings):
    """What an operator may set; each field is the environment variable `COPPERMIND_` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="COPPERMIND_", frozen=True, env_ignore_empty=True)

    home: Path = Field(default_factory=default_home, description="embedded database, keys and logs")
    database_url: SecretStr | None = Field(default=None, description="unset: embedded PostgreSQL under COPPERMIND_HOME")
    broker_url: SecretStr | None = Field(default=None, description="Redis that hands out runs to other machines")
    database_logins_key: SecretStr | None = Field(
        default=None, description="unset: a key file under COPPERMIND_HOME, which each machine has its own of"
    )
    public_url: str = Field(default="http://localhost:8480", description="where browsers reach the web service")
    dagster_port: int = Field(default=3000, ge=1, le=65535, description="port of the Dagster UI, on loopback")
    hubspot_client_id: str = Field(default="", description="client id of the HubSpot app")
    hubspot_client_secret: SecretStr = Field(default=SecretStr(""), description="client secret of the HubSpot app")
    hubspot_api_url: str = Field(default="https://api.hubapi.com", description="host of HubSpot's API")
    hubspot_authorize_url: str = Field(
        default="https://app.hubspot.com/oauth/authorize", description="page where a person approves the app"
    )
    encryption_keys: SecretStr | None = Field(default=None, description="unset: a key file under COPPERMIND_HOME")
    metrics_token: SecretStr | None = Field(default=None, description="unset: `/metrics` answers this machine alone")
    history_days: int = Field(
        default=400, ge=31, le=36_500, description="how long replaced versions of records and memories are kept"
    )
    runs_days: int = Field(default=14, ge=1, le=36_500, description="how long Dagster's runs and events are kept")
    alert_webhook_url: SecretStr | None = Field(default=None, description="unset: no alerts")

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings; raises SettingsError, which names each variable that is wrong and says what it takes."""
        try:
            return cls()
        except ValidationError as error:
            wrong = "; ".join(
                f"COPPERMIND_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError(wrong, hint="Correct the environment variable and start again.") from error

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        # Processes that read the same settings work in directories of their own.
        return home.absolute()

    @field_validator("database_url")
    @classmethod
    def _postgresql_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_postgresql_address(url.get_secret_value()):
            msg = (
                "it is no address such as postgresql://user:password@host:5432/database (its value is a secret, and "
                "not shown)"
            )
            raise ValueError(msg)
        return url

    @field_validator("database_logins_key")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(_decoded(key)) != _LOGIN_KEY_BYTES:
            msg = f"it is not {_LOGIN_KEY_BYTES} bytes in base64 (its value is a secret, and not shown)"
            raise ValueError(msg)
        return key

    @field_validator("broker_url")
    @classmethod
    def _redis_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and urlsplit(url.get_secret_value()).scheme not in {"redis", "rediss"}:
            raise ValueError("it is no address such as redis://host:6379/0 (its value is a secret, and not shown)")
        return url

    @field_validator("public_url")
    @classmethod
    def _https_unless_localhost(cls, url: str) -> str:
        # HubSpot accepts a plain-http redirect URI for the host `localhost` alone: 127.0.0.1 is refused too.
        parts = urlsplit(url)
        is_allowed = (parts.scheme == "https" and parts.hostname) or (
            parts.scheme == "http" and parts.hostname == "localhost"
        )
        if not is_allowed:
            msg = f"{url!r} must be https with a host, or http with the host localhost (HubSpot redirects nowhere else)"
            raise ValueError(msg)
        # Reading the port checks it. The pages' links begin at the root, so that they can't live below a path.
        origin = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port is not None else "")
        if url.rstrip("/").lower() != origin:
            msg = f"{url!r} must be scheme, host and port alone, such as {origin}"
            raise ValueError(msg)
        return origin

    @field_validator("hubspot_api_url", "hubspot_authorize_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if not _is_web_address(url):
            msg = f"{url!r} is no web address"
            raise ValueError(msg)
        parts = urlsplit(url)
        # The client secret and every token go there.
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            msg = f"{url!r} must be https; plain http is for this machine alone (localhost, 127.0.0.1)"
            raise ValueError(msg)
        return url.rstrip("/")

    @field_validator("alert_webhook_url")
    @classmethod
    def _secret_web_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_web_address(url.get_secret_value()):
            msg = "it is no web address (its value is a secret, and not shown)"
            raise ValueError(msg)
        return url

    @property
    def redirect_uri(self) -> str:
        """The one redirect URI that the HubSpot app must have registered."""
        return self.public_url + CALLBACK_PATH

    def runbook_url(self, entry: str) -> str:
        """Return where operators read what to do about a check, a state or a metric, by its name."""
        return f"{self.public_url}{RUNBOOK_PATH}#{entry}"

    def login_key(self) -> bytes | None:
        """Return the key that passwords of database logins are derived from; None where it is in a file."""
        return None if self.database_logins_key is None else _decoded(self.database_logins_key)

    def require_hubspot_app(self) -> None:
        """Raise SettingsError where the HubSpot app's client id or secret is not set."""
        missing = [
            name
            for name, value in (
                ("COPPERMIND_HUBSPOT_CLIENT_ID", self.hubspot_client_id),
                ("COPPERMIND_HUBSPOT_CLIENT_SECRET", self.hubspot_client_secret.get_secret_value()),
            )
            if not value
        ]
        if missing:
            raise SettingsError(
                f"{' and '.join(missing)} must be set to those of your HubSpot app.",
                hint="They are on the app's Auth page in HubSpot. Set them wherever the product is started, by "
                "hand (`coppermind up`) or by an assistant, and start it again. `make demo` needs neither: it brings "
                "its own portal.",
            )
