"""What a person does with a sign-in link: open it, and press its one button; and what there is to look at."""

from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import create_app, make_sign_in_link
from coppermind_pipeline.store import Database


def token_of(link: str) -> str:
    """Return the secret that a sign-in link carries."""
    return parse_qs(urlsplit(link).query)["token"][0]


def sign_in(client: httpx.Client | TestClient, database: Database, *, customer: str = "local") -> int:
    """Sign a client's session in; return the status of what the button led to."""
    link = make_sign_in_link(database, "", customer=customer)
    assert client.get(link).status_code == 200
    return client.post("/sign-in", data={"token": token_of(link)}).status_code


def routes(installation: Installation) -> list[Route | Mount]:
    """Return the web service's addresses, pages among them."""
    found = [(route, getattr(route, "routes", None)) for route in create_app(installation).routes]
    return [each for route, within in found for each in within or [route] if isinstance(each, Route | Mount)]
