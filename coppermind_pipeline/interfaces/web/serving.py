"""Where the web service listens, and the web service as such."""

from urllib.parse import urlsplit

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import LoopbackService, port_answers
from coppermind_pipeline.interfaces.web.app import create_app
from coppermind_pipeline.settings import Settings

HTTPS_PROXIED_PORT = 8480


def listening_port(settings: Settings) -> int:
    """Return the port on loopback: that of COPPERMIND_PUBLIC_URL, or 8480 behind a proxy that speaks https."""
    public = urlsplit(settings.public_url)
    if public.scheme == "https":
        return HTTPS_PROXIED_PORT
    return public.port or 80


def web_service_answers(settings: Settings) -> bool:
    """Say whether something listens where the web service would."""
    return port_answers(listening_port(settings))


class WebService(LoopbackService):
    """The web service on loopback."""

    def __init__(self, installation: Installation) -> None:
        """Listen on the port; raises PortTaken where another process has it."""
        super().__init__(
            create_app(installation),
            port=listening_port(installation.settings),
            name="web service",
            port_hint="Stop the process that uses the port, or set COPPERMIND_PUBLIC_URL to another one.",
        )
