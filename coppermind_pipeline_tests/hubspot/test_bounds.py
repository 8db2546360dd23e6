"""Whatever HubSpot answers, it takes a bounded share of this machine's memory and of anybody's time."""

import tracemalloc
import zlib
from datetime import timedelta

import pytest

from coppermind_pipeline.hubspot import Budget, PortalUnavailable, RateLimited, RequestRefused, RetryLimits
from coppermind_pipeline.hubspot.http.transport import ANSWER_BYTES_MAX
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.conftest import ACCOUNT, NOW, limited
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("1000000000", timedelta(days=1)),
        ("9" * 30, timedelta(days=1)),
        ("9" * 5_000, timedelta(days=1)),
        ("inf", timedelta(days=1)),
        ("Fri, 31 Dec 2058 23:59:59 GMT", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 -2359", timedelta(days=1)),
        ("Tue, 24 Nov 2026 13:00:00 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 12:00:00 GMT", timedelta(0)),
        ("-1", timedelta(seconds=1)),
        ("nan", timedelta(seconds=1)),
        ("soon", timedelta(seconds=1)),
    ],
)
async def test_no_retry_after_closes_a_portal_for_longer_than_a_day(make_client, portal, budgets, value, wait):
    client = await make_client(retry_limits=RetryLimits(attempts=1))
    portal.will(limited(**{"Retry-After": value}))
    with pytest.raises(RateLimited):
        await client.search(ObjectType.CONTACTS)
    assert budgets.pauses == [(Budget.SEARCH, NOW + wait)]


async def test_rate_limit_headers_that_are_beyond_measure_say_nothing(client, portal, budgets):
    names = ("x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-interval-milliseconds")
    for value in ("9" * 30, "9" * 5_000, "-1", "many", "1e9"):
        portal.will(Reply(body=ACCOUNT.body, headers=dict.fromkeys(names, value)))
        assert (await client.account()).portal_id == 1
    assert budgets.observed == [(Budget.GENERAL, None, None, None)] * 5


def _packed_spaces(megabytes: int) -> bytes:
    packing = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    megabyte = b" " * (1 << 20)
    return b"".join([*(packing.compress(megabyte) for _ in range(megabytes)), packing.flush()])


@pytest.mark.slow
async def test_a_small_body_that_unpacks_to_much_is_not_unpacked(client, portal):
    bomb = Reply(body=_packed_spaces(500), headers={"Content-Encoding": "gzip"})
    assert len(bomb.content) < 1 << 20
    portal.will(bomb, ACCOUNT)
    tracemalloc.start()
    try:
        assert (await client.account()).portal_id == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * ANSWER_BYTES_MAX
    portal.will(*[bomb] * 3)
    with pytest.raises(PortalUnavailable, match="larger than 64 MiB"):
        await client.account()


async def test_an_answer_without_an_end_is_left(client, portal):
    portal.will(*[Reply(body=b" " * (ANSWER_BYTES_MAX + 1))] * 3)
    with pytest.raises(PortalUnavailable, match="larger than 64 MiB"):
        await client.account()


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate"])
async def test_an_encoding_that_was_not_asked_for_is_no_answer(client, portal, encoding):
    portal.will(Reply(body=b"x", headers={"Content-Encoding": encoding}), ACCOUNT)
    assert (await client.account()).portal_id == 1
    assert portal.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("depth", [101, 900, 100_000])
@pytest.mark.parametrize("place", ["alone", "beside records", "in a record", "an error's context"])
async def test_json_that_is_nested_too_deeply_is_unreadable(client, portal, depth, place):
    deep = b"[" * depth + b"]" * depth
    flat = b'{"total": 1, "results": [{"id": "1", "properties": {"name": "x"}}], "paging": null}'
    bodies = {
        "alone": deep,
        "beside records": flat.replace(b"null", b'{"next": {"after": "1", "deep": %s}}' % deep),
        "in a record": flat.replace(b'"x"', deep),
        "an error's context": flat.replace(b"null", b'null, "errors": [{"context": {"ids": [%s]}}]' % deep),
    }
    # The second answer is read by the names of the first.
    portal.will(Reply(body=flat), Reply(body=bodies[place]), Reply(body=flat))
    for _ in range(2):
        page = await client.search(ObjectType.CONTACTS)
        assert [record.id for record in page.records] == ["1"]
    assert len(portal.requests) == 3
    portal.will(Reply(400, bodies[place]))
    with pytest.raises(RequestRefused):
        await client.search(ObjectType.CONTACTS)


async def test_json_as_deep_as_allowed_is_read(client, portal):
    inner = b"[" * 98 + b"]" * 98
    portal.will(Reply(body=ACCOUNT.content[:-1] + b', "deep": {"a": %s}}' % inner))
    assert (await client.account()).portal_id == 1


async def test_a_long_refusal_is_read(client, portal):
    portal.will(Reply(400, {"message": "x" * 1_000_000}), Reply(400, {"message": '[{"error": ' + "[" * 200_000}))
    for _ in range(2):
        with pytest.raises(RequestRefused) as refused:
            await client.account()
        assert len(refused.value.message) < 700
