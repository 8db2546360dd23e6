"""A portal to connect to, and a person who approves."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import SecretStr

from coppermind_pipeline.accounts import Caller, Mind, create_mind, local_caller
from coppermind_pipeline.sandbox import AppSettings, RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connectors.people import HUB_IDS, Person


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(contacts=3, companies=2, deals=2, definitions_per_type=60, portals=2, hub_ids=HUB_IDS)
    with RunningSandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The portals 501 and 502, with nothing left of what an earlier test turned."""
    running_sandbox.control.clear_log()
    yield running_sandbox
    running_sandbox.control.clear_faults()
    running_sandbox.control.set_app(**asdict(AppSettings()))
    running_sandbox.control.set_switches(withheld_scopes=(), refusal_redirects=False, refresh_token_rotates=False)


@pytest.fixture
def settings(sandbox: RunningSandbox, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        hubspot_client_id=sandbox.client_id,
        hubspot_client_secret=SecretStr(sandbox.client_secret),
        hubspot_api_url=sandbox.url,
        hubspot_authorize_url=sandbox.authorize_url,
    )


@pytest.fixture
def caller(database: Database) -> Caller:
    return local_caller(database)


@pytest.fixture
def acme(database: Database, caller: Caller) -> Mind:
    return create_mind(database, caller, "Acme")


@pytest.fixture
def person(database: Database, settings: Settings, caller: Caller, acme: Mind) -> Person:
    return Person(database, settings, caller)
