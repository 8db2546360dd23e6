"""A request may take long where the portal answers others; where it answers nothing, none is waited for."""

import asyncio
from collections.abc import Callable

import pytest

from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.hubspot.http import silence
from coppermind_pipeline_tests.hubspot.conftest import ACCOUNT, limited
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request

_OWNERS = Reply(body={"results": [{"id": "1", "archived": False}]})


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENCE_MAX_S", 0.2)
    monkeypatch.setattr(silence, "SIGN_OF_LIFE_MAX_S", 0.4)


async def test_a_portal_that_answers_nothing_is_given_up(client, portal):
    never = asyncio.Event()
    portal.will(Reply(after=never), Reply(after=never))
    with pytest.raises(PortalUnavailable, match=r"account-info.* timed out"):
        await client.owners()
    never.set()
    assert [request.path.split("/")[2] for request in portal.requests] == ["owners", "2026-09"]


async def test_a_portal_that_fails_at_a_small_request_is_given_up(client, portal):
    never = asyncio.Event()
    portal.will(Reply(after=never), Reply(502))
    with pytest.raises(PortalUnavailable, match="failed with 502"):
        await client.owners()
    never.set()
    assert len(portal.requests) == 2


@pytest.mark.parametrize("sign", [ACCOUNT, Reply(403, {}), limited()])
async def test_a_long_request_is_waited_for_while_the_portal_answers(client, portal, sign):
    slow = asyncio.Event()

    def asked(_: Request) -> Reply:
        slow.set()
        return sign

    portal.will(Reply(body=_OWNERS.body, after=slow), asked, _OWNERS)
    assert [owner.id for owner in await client.owners()] == ["1"]
    assert len(portal.requests) == 3


async def test_an_error_of_a_request_that_was_given_up_is_not_printed(unheard_errors: Callable[[], list[str]]):
    async def ask() -> None:
        raise PortalUnavailable("it answers nothing")

    async def fails_as_it_is_given_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the connection is gone")

    with pytest.raises(PortalUnavailable, match="answers nothing"):
        await silence.Silence(ask).bear(fails_as_it_is_given_up())
    assert unheard_errors() == []
