"""What is too much in one request is asked for in parts; only what fails beside what is answered is given up."""

from collections.abc import Callable
from itertools import count, repeat

import pytest

from coppermind_pipeline.hubspot import PortalUnavailable, RequestRefused
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request, ScriptedPortal

CONTACTS = ObjectType.CONTACTS
TIMED_OUT = Reply(504, b"<html>504 Gateway Time-out</html>")
REFUSED = Reply(400, {"status": "error", "category": "VALIDATION_ERROR", "message": "limit must be at most 100"})


def record(record_id: str) -> dict[str, object]:
    return {"id": record_id, "properties": {}, "archived": False}


def asked_ids(request: Request) -> list[str]:
    return [item["id"] for item in request.json["inputs"]] if request.method == "POST" else []


def answers(portal: ScriptedPortal, fails: Callable[[list[str]], bool]) -> None:
    """Have the portal answer whatever it is asked for; its list begins with 8 and 9."""

    def answer(request: Request) -> Reply:
        asked = asked_ids(request)
        if fails(asked):
            return TIMED_OUT
        return Reply(body={"results": [record(i) for i in asked or ["8", "9"]]})

    portal.will(*repeat(answer, 100))


async def test_what_fails_again_after_another_was_answered_is_given_up(client, portal):
    answers(portal, lambda asked: "3" in asked)
    read = await client.batch_read(CONTACTS, ["1", "2", "3", "4"], [])
    assert {r.id for r in read.records} == {"1", "2", "4"}
    assert read.failed_ids == {"3"}
    assert read.missing_ids == read.unanswered_ids == frozenset()


async def test_what_fails_once_alone_is_read(client, portal):
    alone = count()
    answers(portal, lambda asked: "3" in asked and (len(asked) > 1 or next(alone) == 0))
    read = await client.batch_read(CONTACTS, ["1", "2", "3", "4"], [])
    assert {r.id for r in read.records} == {"1", "2", "3", "4"}
    assert read.failed_ids == frozenset()


async def test_a_portal_that_goes_down_in_the_midst_of_a_batch_costs_no_record(client, portal):
    """Half of the batch was answered: that says nothing of why the other half is not."""
    down_from = count()

    def fails(asked: list[str]) -> bool:
        if asked == ["1", "2"]:
            next(down_from)
            return False
        return len(asked) == 4 or (bool(asked) and next(down_from) > 0)

    answers(portal, fails)
    with pytest.raises(PortalUnavailable):
        await client.batch_read(CONTACTS, ["1", "2", "3", "4"], [])
    assert [asked_ids(r) for r in portal.requests[-4:]] == [["3"], ["1"], ["8"], ["9"]]


async def test_a_size_that_was_too_much_is_not_tried_again(client, portal):
    answers(portal, lambda asked: len(asked) > 3)
    ids = [str(i) for i in range(20, 28)]
    for _ in range(2):
        read = await client.batch_read(CONTACTS, ids, [])
        assert {r.id for r in read.records} == set(ids)
    sizes = [len(asked_ids(r)) for r in portal.requests]
    # Once more in full, too, after the portal has shown that it answers.
    assert sizes == [8, 8, 0, 8, 4, 2, 2, 4, 2, 2, *[2] * 4]


async def test_a_portal_that_takes_smaller_pages_of_a_search_is_asked_for_those(client, portal):
    limits = []

    def answer(request: Request) -> Reply:
        limits.append(request.json["limit"])
        return REFUSED if limits[-1] > 100 else Reply(body={"total": 0, "results": []})

    portal.will(*repeat(answer, 4))
    for _ in range(3):
        await client.search(CONTACTS)
    assert limits == [200, 1, 100, 100]


async def test_a_search_that_is_refused_whatever_its_size_is_refused(client, portal):
    portal.will(REFUSED, REFUSED)
    with pytest.raises(RequestRefused):
        await client.search(CONTACTS)
