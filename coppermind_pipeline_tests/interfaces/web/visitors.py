"""What a person does with a sign-in link: open it, and press its one button."""

from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.testclient import TestClient

from coppermind_pipeline.interfaces.web import make_sign_in_link
from coppermind_pipeline.settings import Settings


def token_of(link: str) -> str:
    """Return the secret that a sign-in link carries."""
    return parse_qs(urlsplit(link).query)["token"][0]


def sign_in(client: httpx.Client | TestClient, settings: Settings, *, customer: str = "local") -> int:
    """Sign a client's session in; return the status of what the button led to."""
    link = make_sign_in_link(settings.home, "", customer=customer)
    assert client.get(link).status_code == 200
    return client.post("/sign-in", data={"token": token_of(link)}).status_code
