from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig

SCOPES = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
)
SMALL = {"contacts": 300, "companies": 60, "deals": 120, "limits": False}
RECORDINGS = Path(__file__).parents[2].parent / "shared" / "real-data" / "hubspot-api"


def api_client(sandbox: RunningSandbox, *, hub_id: int | None = None) -> httpx.Client:
    """A client that holds a good token of a portal."""
    token = sandbox.control.issue_token(SCOPES, hub_id=hub_id).access_token
    return httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {token}"}, timeout=60, verify=False)


def searched(api: httpx.Client, object_type: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"/crm/objects/2026-09/{object_type}/search", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def only(*filters: tuple[Any, ...]) -> dict[str, Any]:
    """A search body of one group: (property, operator[, value])."""
    return {
        "filterGroups": [
            {
                "filters": [
                    {"propertyName": name, "operator": operator}
                    | (
                        {}
                        if not value
                        else {"values": value[0]}
                        if isinstance(value[0], list)
                        else {"value": str(value[0])}
                    )
                    for name, operator, *value in filters
                ]
            }
        ]
    }


def ids_of(answer: dict[str, Any]) -> list[str]:
    return [record["id"] for record in answer["results"]]


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSandbox]:
    """A small portal that the tests of a module read together and do not change."""
    with RunningSandbox(SandboxConfig(**SMALL)) as running:
        yield running


@pytest.fixture(scope="module")
def api(shared: RunningSandbox) -> Iterator[httpx.Client]:
    with api_client(shared) as client:
        yield client


@pytest.fixture
def start() -> Iterator[Callable[..., RunningSandbox]]:
    """Start sandboxes of a test's own; they end with it."""
    with ExitStack() as stack:

        def started(**config: Any) -> RunningSandbox:
            clock = config.pop("clock", None)
            return stack.enter_context(RunningSandbox(SandboxConfig(**(SMALL | config)), clock=clock))

        yield started


@pytest.fixture
def own(start: Callable[..., RunningSandbox]) -> RunningSandbox:
    """An empty portal of a test's own, free to be changed."""
    return start(contacts=0, companies=0, deals=0)


@pytest.fixture
def own_api(own: RunningSandbox) -> Iterator[httpx.Client]:
    with api_client(own) as client:
        yield client
