"""The transport keeps to what its callers count."""

import pytest

from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.hubspot.http.transport import Transport
from coppermind_pipeline_tests.hubspot.scripted_portal import DROPPED, Reply


async def test_a_call_whose_kept_connection_is_closed_is_not_sent_again_behind_our_back(portal):
    portal.will(Reply(body={}), DROPPED, Reply(body={}))
    async with Transport(portal.url) as transport:
        await transport.send("GET", "/first")
        with pytest.raises(PortalUnavailable):
            await transport.send("GET", "/second")
    assert [request.path for request in portal.requests] == ["/first", "/second"]


async def test_what_is_on_this_machine_is_reached_past_any_proxy(portal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    portal.will(Reply(body={}))
    async with Transport(portal.url) as transport:
        assert (await transport.send("GET", "/first")).status == 200
