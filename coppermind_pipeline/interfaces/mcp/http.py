"""The MCP server over streamable HTTP: each call shows an access token, which says in whose name it is made."""

from urllib.parse import urlsplit

import anyio.to_thread
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, ConfigDict, SecretStr

from coppermind_pipeline.accounts import Caller, token_caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.server import create_server
from coppermind_pipeline.interfaces.processes import LoopbackService
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

DEFAULT_PORT = 8481

_PATH = "/mcp"


def http_service(installation: Installation, callback: CallbackListener, *, port: int) -> LoopbackService:
    """Return the MCP server on a port of loopback.

    Nothing is kept between calls: a restart interrupts no assistant, and a revoked token's next call is refused.

    Raises:
        PortTaken: another process has the port.
    """
    server = create_server(installation, caller=_calling, callback=callback)
    app = server.streamable_http_app(
        streamable_http_path=_PATH,
        stateless_http=True,
        json_response=True,
        transport_security=_allowed_names(installation.settings, port),
        auth=AuthSettings(issuer_url=AnyHttpUrl(installation.settings.public_url), resource_server_url=None),
        token_verifier=_Verifier(installation.database),
    )
    return LoopbackService(
        app, port=port, name="MCP server", port_hint="Stop the process that uses the port, or name another by --port."
    )


def http_address(settings: Settings, *, port: int) -> str:
    """Return the address that an assistant is given: below a public https address, where a proxy forwards it here."""
    if urlsplit(settings.public_url).scheme == "https":
        return settings.public_url + _PATH
    return f"http://localhost:{port}{_PATH}"


class _ShownToken(AccessToken):
    """A token that proved good; the library carries it along with the call. The secret itself stays behind."""

    caller: Caller


class _UnprovenToken(AccessToken):
    """A token that nobody could look up, and why. Whoever shows it may see which tools there are, and calls none."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    fault: Exception


class _Verifier:
    """What the library asks about each call's token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            caller = await anyio.to_thread.run_sync(token_caller, self._database, SecretStr(token))
        except Exception as fault:  # noqa: BLE001 - raised again by the call, which answers with what is wrong
            return _UnprovenToken(token="", client_id="", scopes=[], fault=fault)
        if caller is None:
            return None
        return _ShownToken(token="", client_id=str(caller.token_id), scopes=[], caller=caller)


def _calling() -> Caller:
    token = get_access_token()
    if isinstance(token, _UnprovenToken):
        raise token.fault
    assert isinstance(token, _ShownToken)  # noqa: S101 - no call gets here without one
    return token.caller


def _allowed_names(settings: Settings, port: int) -> TransportSecuritySettings:
    """Return the names that a call may use: a web page elsewhere can point a name of its own at this machine."""
    public = urlsplit(settings.public_url)
    here = [f"localhost:{port}", f"127.0.0.1:{port}"]
    proxied = [public.netloc] if public.scheme == "https" else []
    return TransportSecuritySettings(
        allowed_hosts=[*here, *proxied],
        allowed_origins=[*(f"http://{name}" for name in here), *(f"https://{name}" for name in proxied)],
    )
