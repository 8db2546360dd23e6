"""Someone who connects portals, and approves on HubSpot's page."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors import ConnectResponse, complete_authorization, connect
from coppermind_pipeline.connectors.oauth.authorization import Authorized
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

HUB_IDS = (501, 502)


def answer(auth_url: str, *, decision: str = "approve", hub_id: int = HUB_IDS[0]) -> dict[str, str]:
    """Answer the authorization page as a person does, and return what HubSpot's redirect brings back."""
    response = httpx.get(
        auth_url, params=dict(parse_qsl(urlsplit(auth_url).query)) | {"decision": decision, "hub_id": str(hub_id)}
    )
    assert response.status_code in {302, 303, 307}, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


@dataclass(frozen=True)
class Person:
    """Someone who connects portals."""

    database: Database
    settings: Settings
    caller: Caller

    def ask(self, **options: Any) -> ConnectResponse:
        return connect(self.database, self.settings, self.caller, callback_listening=True, **options)

    async def complete(self, redirect: dict[str, str]) -> Authorized:
        return await complete_authorization(self.database, self.settings, **redirect)

    async def connect(self, *, mind: str | None = None, hub_id: int = HUB_IDS[0]) -> Authorized:
        """Ask for a link, approve, and come back."""
        return await self.complete(answer(self.ask(mind=mind).auth_url, hub_id=hub_id))
