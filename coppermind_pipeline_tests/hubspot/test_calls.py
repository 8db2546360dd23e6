import asyncio
import gc
import gzip
import logging
import tracemalloc
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
import structlog
from pydantic import SecretStr

from coppermind_pipeline.errors import HealsByItself, NeedsPerson
from coppermind_pipeline.hubspot import (
    Budget,
    HubSpotClient,
    PortalUnavailable,
    RateLimited,
    RequestRefused,
    RetryLimits,
    ScopeMissing,
    TokenRejected,
)
from coppermind_pipeline.hubspot.calls import REFRESHES_MAX
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.conftest import ACCOUNT, FIRST_TOKEN, NOW, SECOND_TOKEN, limited
from coppermind_pipeline_tests.hubspot.scripted_portal import DROPPED, Reply

EMPTY_PAGE = Reply(body={"total": 0, "results": []})
EXPIRED = Reply(401, {"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "expired 5 hour(s) ago."})

INVALID = Reply(401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "Authentication credentials"})


async def test_an_expired_token_is_refreshed_once_and_the_call_succeeds(client, portal, tokens, budgets):
    portal.will(EXPIRED, ACCOUNT)
    assert (await client.account()).portal_id == 1
    assert [r.headers["authorization"] for r in portal.requests] == [f"Bearer {FIRST_TOKEN}", f"Bearer {SECOND_TOKEN}"]
    assert [t.get_secret_value() for t in tokens.rejections] == [FIRST_TOKEN]
    assert budgets.acquired == budgets.sent == budgets.answered == [Budget.GENERAL, Budget.GENERAL]


async def test_a_token_rejected_after_the_refresh_needs_a_person(client, portal, tokens):
    portal.will(EXPIRED, INVALID)
    with pytest.raises(TokenRejected) as rejected:
        await client.account()
    assert isinstance(rejected.value, NeedsPerson)
    assert rejected.value.body is not None
    assert rejected.value.body.category == "INVALID_AUTHENTICATION"
    assert (len(portal.requests), len(tokens.rejections)) == (2, 1)


@pytest.mark.parametrize("body", ["<html>Sign in to the proxy</html>", b"", {}])
async def test_a_401_that_says_nothing_is_none_of_hubspots_and_passes(client, portal, tokens, body):
    tokens.left.append(SecretStr("CJ-third-token-of-the-portal"))
    portal.will(Reply(401, body), Reply(401, body), ACCOUNT)
    assert (await client.account()).portal_id == 1


async def test_a_fresh_token_that_expired_on_its_way_is_no_refusal(client, portal, tokens):
    tokens.left.append(SecretStr("CJ-third-token-of-the-portal"))
    portal.will(EXPIRED, EXPIRED, ACCOUNT)
    assert (await client.account()).portal_id == 1
    assert len(tokens.rejections) == 2


async def test_tokens_that_are_never_good_need_a_person(client, portal):
    portal.will(*[EXPIRED] * 9)
    with pytest.raises(TokenRejected):
        await client.account()
    assert len(portal.requests) == 1 + REFRESHES_MAX


@pytest.mark.parametrize(
    "body",
    [
        {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredScopes": ["crm.objects.owners.read"]}}]},
        {"category": "MISSING_SCOPES", "context": {"requiredGranularScopes": ["crm.objects.owners.read"]}},
    ],
)
async def test_a_missing_scope_is_named_in_both_shapes(client, portal, body):
    portal.will(Reply(403, body))
    with pytest.raises(ScopeMissing, match=r"crm\.objects\.owners\.read") as missing:
        await client.owners()
    assert missing.value.scopes == ("crm.objects.owners.read",)


async def test_another_403_is_a_refusal(client, portal):
    portal.will(Reply(403, b"<html>blocked</html>"))
    with pytest.raises(RequestRefused):
        await client.account()


@pytest.mark.parametrize(
    ("reply", "search", "wait_s"),
    [
        (limited(), True, 1),
        (limited("You have reached your secondly limit."), True, 1),
        (limited(), False, 10),
        (limited("You have reached your ten_secondly_rolling limit.", policy="TEN_SECONDLY_ROLLING"), False, 10),
        (limited(policy="TEN_SECONDLY_ROLLING", **{"Retry-After": "3.5"}), False, 3.5),
        (limited(**{"Retry-After": "Tue, 24 Nov 2026 12:00:07 GMT"}), True, 7),
        (limited(**{"Retry-After": "soon"}), True, 1),
    ],
)
async def test_a_429_pauses_the_budget_for_everybody_and_is_tried_again(client, portal, budgets, reply, search, wait_s):
    portal.will(reply, EMPTY_PAGE if search else ACCOUNT)
    await (client.search(ObjectType.DEALS) if search else client.account())
    budget = Budget.SEARCH if search else Budget.GENERAL
    assert budgets.pauses == [(budget, NOW + timedelta(seconds=wait_s))]


async def test_a_used_up_day_is_told_at_once_with_its_end_in_the_portals_zone(make_client, portal, budgets):
    client = await make_client(zone=ZoneInfo("US/Eastern"))
    portal.will(limited("You have reached your daily limit.", policy="DAILY"))
    with pytest.raises(RateLimited) as spent:
        await client.account()
    assert spent.value.policy == "DAILY"
    assert spent.value.retry_at == datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
    assert budgets.pauses == [(Budget.GENERAL, spent.value.retry_at)]
    assert len(portal.requests) == 1


async def test_a_used_up_day_is_not_waited_for_even_shortly_before_its_end(make_client, portal):
    client = await make_client(clock=lambda: datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
    portal.will(limited("You have reached your daily limit."), ACCOUNT)
    with pytest.raises(RateLimited):
        await client.account()


async def test_a_limit_that_lasts_is_told_after_bounded_attempts(client, portal):
    portal.will(*[limited(**{"Retry-After": "1"})] * 3)
    with pytest.raises(RateLimited) as still:
        await client.account()
    assert isinstance(still.value, HealsByItself)
    assert still.value.retry_at == NOW + timedelta(seconds=1)
    assert len(portal.requests) == 3


@pytest.mark.parametrize("status", [408, 423, 477, 500, 502, 503, 504, 521, 522, 523, 524, 530])
async def test_a_passing_fault_is_tried_again(client, portal, status):
    portal.will(Reply(status, b"<html>sorry</html>"), ACCOUNT)
    assert (await client.account()).portal_id == 1


@pytest.mark.parametrize(
    "fault",
    [
        DROPPED,
        Reply(body={"portalId": 1, "timeZone": "UTC"}, cut_to=9),
        Reply(body=b'{"portalId": 1, "timeZ'),
        Reply(body=b"<html>Just a moment...</html>"),
        Reply(body=b""),
        Reply(body=b"[]"),
        Reply(body=b"{}"),
        Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["reset", "cut off", "half a JSON", "HTML", "empty", "other shape", "without fields", "broken compression"],
)
async def test_an_unreadable_answer_is_tried_again_then_told_as_unavailable(client, portal, sent, fault):
    portal.will(fault, ACCOUNT)
    assert (await client.account()).portal_id == 1
    portal.will(fault, fault, fault)
    with pytest.raises(PortalUnavailable) as unavailable:
        await client.account()
    assert isinstance(unavailable.value, HealsByItself)
    assert len(sent) == len(portal.requests) == 5


async def test_a_compressed_answer_is_read(client, portal):
    body = gzip.compress(ACCOUNT.content)
    portal.will(Reply(body=body, headers={"Content-Encoding": "gzip"}))
    assert (await client.account()).portal_id == 1
    assert "gzip" in portal.requests[0].headers["accept-encoding"]


async def test_the_bodies_of_answers_do_not_wait_for_the_garbage_collector(client, portal):
    portal.will(*(Reply(body={**ACCOUNT.body, "unread": "x" * 1_000_000}) for _ in range(10)))
    await client.account()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(9):
            await client.account()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held < 1_000_000


async def test_a_silent_portal_times_out(make_client, portal, sent):
    never = asyncio.Event()
    client = await make_client(request_timeout_s=0.05, retry_limits=RetryLimits(attempts=1))
    portal.will(Reply(after=never))
    with pytest.raises(PortalUnavailable, match="timed out"):
        await client.account()
    never.set()
    assert [s.status for s in sent] == [None]


async def test_a_host_that_is_not_there_is_unavailable(tokens, budgets):
    async with HubSpotClient("http://127.0.0.1:9", tokens, budgets, retry_limits=RetryLimits(attempts=1)) as client:
        with pytest.raises(PortalUnavailable, match="ClientConnectorError"):
            await client.account()


async def test_a_wait_beyond_the_retry_time_is_told_at_once(client, portal):
    portal.will(Reply(477, {"message": "the portal is being moved"}, {"Retry-After": "86400"}))
    with pytest.raises(PortalUnavailable) as moving:
        await client.account()
    assert moving.value.retry_at == NOW + timedelta(days=1)
    assert len(portal.requests) == 1


async def test_retries_end_when_their_time_is_spent(make_client, portal):
    times = iter(NOW + timedelta(seconds=50 * i) for i in range(100))
    client = await make_client(clock=lambda: next(times), retry_limits=RetryLimits(attempts=3, time_s=40))
    portal.will(*[Reply(503)] * 3)
    with pytest.raises(PortalUnavailable):
        await client.account()
    assert len(portal.requests) == 2


async def test_a_refresh_that_gave_up_is_not_repeated_by_the_call(make_client, portal, tokens):
    async def refreshed(rejected):
        tokens.rejections.append(rejected)
        error = PortalUnavailable("the token endpoint is down")
        error.retries_spent = True
        raise error

    tokens.refreshed = refreshed
    portal.will(EXPIRED, EXPIRED, EXPIRED)
    with pytest.raises(PortalUnavailable, match="token endpoint"):
        await (await make_client()).account()
    assert len(tokens.rejections) == 1


async def test_a_refusal_is_not_tried_again_and_keeps_hubspots_words(client, portal):
    body = {"status": "error", "category": "VALIDATION_ERROR", "message": "limit is too large", "correlationId": "c-9"}
    portal.will(Reply(400, body))
    with pytest.raises(RequestRefused, match=r"limit is too large \(correlation id c-9\)") as refused:
        await client.search(ObjectType.DEALS, limit=1)
    body = refused.value.body
    assert body is not None
    assert (body.status, body.category, body.correlation_id) == (400, "VALIDATION_ERROR", "c-9")
    assert len(portal.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"message": 'Property values were not valid: [{"name":"a b","error":"PROPERTY_DOESNT_EXIST"},{"name":"c"}]'},
        {"message": "bad", "errors": [{"message": "x", "context": {"propertyName": ["a b"]}}]},
        {"message": "bad", "context": {"propertyName": ["a b"]}},
        {"message": "bad", "errors": [{"message": 'Property "a_b" does not exist'}]},
        {"message": "Property 'a_b' does not exist"},
    ],
)
async def test_refused_properties_are_named(client, portal, body):
    portal.will(Reply(400, body))
    with pytest.raises(RequestRefused) as refused:
        await client.batch_read(ObjectType.DEALS, ["1"], ["a b", "a_b", "c"])
    assert refused.value.refused_properties in ({"a b"}, {"a_b"})


async def test_limits_in_headers_are_passed_on_for_the_calls_that_they_are_about(client, portal, budgets):
    headers = {
        "X-HubSpot-RateLimit-Max": "190",
        "X-HubSpot-RateLimit-Remaining": "12",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
    }
    portal.will(Reply(body=ACCOUNT.body, headers=headers), ACCOUNT, Reply(body=EMPTY_PAGE.body, headers=headers))
    await client.account()
    await client.account()
    await client.search(ObjectType.DEALS)
    assert budgets.observed == [(Budget.GENERAL, 190, 12, 10_000)]


async def test_each_request_is_reported(client, portal, sent):
    portal.will(Reply(503, {}), ACCOUNT)
    await client.account()
    assert [(s.method, s.path, s.status) for s in sent] == [
        ("GET", "/account-info/2026-09/details", 503),
        ("GET", "/account-info/2026-09/details", 200),
    ]


async def test_no_token_and_no_body_is_in_any_error_or_log(make_client, portal, caplog):
    client = await make_client(retry_limits=RetryLimits(attempts=2))
    echo = {"status": "error", "message": f"token {FIRST_TOKEN} is malformed", "correlationId": FIRST_TOKEN}
    portal.will(Reply(530, echo), Reply(body=orjson.dumps({"secret": "of a person"})[:-1]))
    with structlog.testing.capture_logs() as logged, caplog.at_level(logging.DEBUG):
        with pytest.raises(PortalUnavailable) as unavailable:
            await client.account()
        portal.will(Reply(400, echo))
        with pytest.raises(RequestRefused, match="redacted") as refused:
            await client.account()
    assert {entry["event"] for entry in logged} >= {"hubspot request", "hubspot tried again"}
    causes = [e.__cause__ or e.__context__ for e in (unavailable.value, refused.value)]
    seen = repr((logged, caplog.text, unavailable.value, refused.value, refused.value.body, causes))
    assert FIRST_TOKEN not in seen
    assert "of a person" not in seen
    assert refused.value.as_response()["error"]["code"] == "request_refused"


async def test_concurrent_calls_share_one_client(client, portal):
    portal.will(*[ACCOUNT] * 20)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.account()) for _ in range(20)]
    assert {task.result().portal_id for task in tasks} == {1}


RECORDED_ERRORS = [
    ("batch-unknown-property.400.json", RequestRefused),
    ("unknown-object-type.400.json", RequestRefused),
    ("batch-create-contacts-conflict.409.json", RequestRefused),
    ("batch-duplicate-ids.400.json", RequestRefused),
    ("missing-scopes-schemas.403.json", ScopeMissing),
]


@pytest.mark.parametrize(("name", "kind"), RECORDED_ERRORS)
async def test_a_recorded_error_leads_to_its_class(client, portal, recordings, name, kind):
    recorded = orjson.loads((recordings / "errors" / name).read_bytes())
    portal.will(Reply(int(name.split(".")[1]), recorded))
    with pytest.raises(kind) as raised:
        await client.account()
    said = raised.value.body
    assert said is not None
    assert (said.message, said.correlation_id) == (recorded["message"], recorded["correlationId"])
    assert said.category == recorded.get("category", "")
    if name.startswith("batch-unknown"):
        assert raised.value.refused_properties == {"first000name", "last000name"}
    if name.startswith("missing-scopes"):
        assert raised.value.scopes == ("custom-object-read",)


async def test_a_recorded_partial_batch_names_the_missing_id(client, portal, recordings):
    recorded = orjson.loads((recordings / "errors/batch-update-contacts-partial.207.json").read_bytes())
    portal.will(Reply(207, recorded))
    read = await client.batch_read(ObjectType.CONTACTS, ["171591000199", "unknownIdentifier888"], [])
    assert read.missing_ids == {"unknownIdentifier888"}


async def test_each_quoted_error_leads_to_its_class(make_client, portal, recordings, tokens):
    kinds = {401: TokenRejected, 403: ScopeMissing, 429: RateLimited, 400: RequestRefused}
    client = await make_client(retry_limits=RetryLimits(attempts=1))
    quoted = orjson.loads((recordings / "errors/quoted-in-public-threads.json").read_bytes())
    api_errors = [q for q in quoted if "body" in q and not q["case"].startswith("refresh token")]
    assert len(api_errors) >= 9
    for entry in api_errors:
        # An expired token is refreshed again, as the fresh one may expire as well.
        tokens.left = [SecretStr(FIRST_TOKEN), *[SecretStr(SECOND_TOKEN)] * REFRESHES_MAX]
        reply = Reply(entry["http_status"], entry["body"])
        portal.script.clear()
        portal.will(*[reply] * (1 + REFRESHES_MAX))
        with pytest.raises(kinds[entry["http_status"]]) as raised:
            await client.account()
        assert raised.value.body is not None
        assert raised.value.body.message == entry["body"]["message"]
