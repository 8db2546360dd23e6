"""A connector to a sandbox portal, made as a person makes one, and the steps of its sync, without Dagster."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import SecretStr
from sqlalchemy import Row, text

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import (
    Connector,
    complete_authorization,
    connect,
    load_connector,
    open_portal,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import (
    Pulled,
    SyncContext,
    link,
    normalize,
    poll_started,
    poll_succeeded,
    pull,
    read_account,
    read_definitions,
    read_owners,
    read_pipelines,
)


def settings_for(sandbox: RunningSandbox, home: Path, **values: Any) -> Settings:
    """Return the settings of an installation whose HubSpot is the sandbox."""
    return Settings(
        home=home,
        hubspot_client_id=sandbox.client_id,
        hubspot_client_secret=SecretStr(sandbox.client_secret),
        hubspot_api_url=sandbox.url,
        hubspot_authorize_url=sandbox.authorize_url,
        **values,
    )


def approve(auth_url: str, *, hub_id: int | None = None) -> dict[str, str]:
    """Approve the app on the sandbox's page, and return the query of the redirect that follows."""
    choice = {"decision": "approve"} | ({"hub_id": str(hub_id)} if hub_id else {})
    answer = httpx.post(auth_url, data=choice)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


@dataclass(frozen=True, slots=True)
class Connected:
    """One active connector and what its sync needs."""

    database: Database
    settings: Settings
    connector_id: str

    @classmethod
    async def create(
        cls,
        database: Database,
        settings: Settings,
        *,
        mind: str = "Acme",
        hub_id: int | None = None,
        config: dict[str, Any] | None = None,
    ) -> Self:
        caller = local_caller(database)
        create_mind(database, caller, mind, kind="client")
        made = connect(database, settings, caller, mind=mind, callback_listening=True)
        if config:
            from coppermind_pipeline.connectors import configure

            configure(database, caller, made.connector_id, config)
        answer = approve(made.auth_url, hub_id=hub_id)
        await complete_authorization(database, settings, state=answer["state"], code=answer["code"])
        return cls(database, settings, made.connector_id)

    @property
    def connector(self) -> Connector:
        return load_connector(self.database, self.connector_id)

    async def pull(self, *, time_is_up: Callable[[], bool] = lambda: False) -> Pulled:
        """Read definitions and whatever is new, as one slice."""
        connector = self.connector
        async with open_portal(self.database, self.settings, connector) as client:
            sync = SyncContext(self.database, connector, client)
            await sync.write(poll_started, sync.scope)
            for object_type in ObjectType:
                await read_definitions(sync, object_type)
            await read_pipelines(sync)
            await read_owners(sync)
            await read_account(sync)
            pulled = await pull(sync, time_is_up=time_is_up)
            await sync.write(poll_succeeded, connector)
        return pulled

    async def sync(self) -> Pulled:
        """Pull, normalize and link, once."""
        pulled = await self.pull()
        normalize(self.database, self.connector)
        link(self.database, self.connector)
        return pulled

    def rows(self, statement: str, **values: Any) -> list[Row[Any]]:
        """Return rows of the connector's mind, with `:connector` bound."""
        with self.database.mind(self.connector.mind_id) as connection:
            return list(connection.execute(text(statement), {"connector": self.connector_id, **values}))
