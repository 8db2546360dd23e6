"""A scan ends complete whatever order, totals, cursors and rows a portal answers with, and trusts none unchecked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline_tests.hubspot.in_memory import InMemory
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request
from coppermind_pipeline_tests.sync.pulling.scanning import PAGE, SINCE_MS, scan

Rows = list[int]


@dataclass
class OddPortal:
    """Contacts by id with their modified dates, and what is done to the answers about them.

    Attributes:
        sort: the order in which search sees the ids.
        keep: which of the sorted matches a page has.
        state_total: what the answer calls the number of matches.
        cursor: whether the answer has one, given the rows and the matches.
        obey_dates: search heeds the filter on modified dates.
        list_after: the list's cursor, given the true one.
    """

    modified: dict[int, int]
    sort: Callable[[Rows], Rows] = sorted
    keep: Callable[[Rows], Rows] = lambda ids: ids[:PAGE]
    state_total: Callable[[Rows, Rows], int] = lambda _, matches: len(matches)
    cursor: Callable[[Rows, Rows], bool] = lambda rows, matches: len(rows) < len(matches)
    obey_dates: bool = True
    list_after: Callable[[int], int] = lambda after: after

    def answer(self, request: Request) -> Reply:
        return self._listed(request) if request.method == "GET" else self._found(request)

    @property
    def window(self) -> Rows:
        return sorted(i for i, modified_ms in self.modified.items() if modified_ms >= SINCE_MS)

    def _found(self, request: Request) -> Reply:
        asked = request.json
        filters = asked["filterGroups"][0]["filters"]
        matches = self.sort([i for i in self.modified if all(self._matches(i, each) for each in filters)])
        rows = self.keep(matches)[: asked["limit"]]
        body: dict[str, Any] = {"total": self.state_total(rows, matches), "results": [self._record(i) for i in rows]}
        if self.cursor(rows, matches):
            body["paging"] = {"next": {"after": str(len(rows))}}
        return Reply(body=body)

    def _matches(self, record_id: int, condition: dict[str, str]) -> bool:
        if condition["propertyName"] == "lastmodifieddate":
            return not self.obey_dates or self.modified[record_id] >= int(condition["value"])
        bound = int(condition["value"])
        return record_id > bound if condition["operator"] == "GT" else record_id <= bound

    def _listed(self, request: Request) -> Reply:
        ids = [i for i in sorted(self.modified) if i >= int(request.query.get("after", 0))]
        body: dict[str, Any] = {"results": [self._record(i) for i in ids[:100]]}
        if len(ids) > 100:
            body["paging"] = {"next": {"after": str(self.list_after(ids[100]))}}
        return Reply(body=body)

    def _record(self, record_id: int) -> dict[str, Any]:
        modified = datetime.fromtimestamp(self.modified[record_id] / 1000, UTC).isoformat()
        return {"id": str(record_id), "properties": {"lastmodifieddate": modified}, "updatedAt": modified}


def records(ids: Iterable[int], *, modified_ms: int = SINCE_MS) -> dict[int, int]:
    return dict.fromkeys(ids, modified_ms)


def as_text(ids: Rows) -> Rows:
    return sorted(ids, key=str)


def shuffled(ids: Rows) -> Rows:
    return Random(7).sample(ids, len(ids))


def with_the_first_again(ids: Rows) -> Rows:
    return [*ids[: PAGE - 1], *ids[:1]]


def hundred_rows(ids: Rows) -> Rows:
    return ids[:100]


def no_rows(_: Rows) -> Rows:
    return []


TRUSTED = {
    "pages shorter than asked for": {"keep": hundred_rows},
    "a total of the page alone": {"state_total": lambda rows, _: len(rows)},
    "a total of nothing": {"state_total": lambda *_: 0},
    "a total that ends at 300": {"state_total": lambda _, matches: min(300, len(matches))},
    "no cursor on any page": {"cursor": lambda *_: False},
    "short pages without a cursor": {"keep": hundred_rows, "cursor": lambda *_: False},
    "rows from outside the window": {"obey_dates": False},
}
NOT_TRUSTED = {
    "ids sorted as text": {"sort": as_text},
    "ids sorted downward": {"sort": lambda ids: sorted(ids, reverse=True)},
    "ids in no order": {"sort": shuffled},
    "repeated rows": {"keep": with_the_first_again},
    "empty pages with a cursor": {"keep": no_rows},
    "empty pages without a cursor": {"keep": no_rows, "cursor": lambda *_: False},
    "a total that is too high": {"state_total": lambda _, matches: len(matches) + 3},
    "a cursor on the very last page": {"cursor": lambda *_: True},
}


@pytest.mark.parametrize("oddity", TRUSTED)
async def test_what_leaves_the_scan_provably_complete_goes_by_keyset(oddity: str):
    odd = OddPortal(records(range(800, 1_350)) | records(range(400, 500), modified_ms=SINCE_MS - 1), **TRUSTED[oddity])
    done = await scan(transport=InMemory(odd.answer))
    assert done.ids == odd.window
    assert done.lists == 0


@pytest.mark.parametrize("oddity", NOT_TRUSTED)
async def test_what_leaves_a_doubt_ends_in_the_list(oddity: str):
    odd = OddPortal(
        records(range(800, 1_350)) | records(range(400, 500), modified_ms=SINCE_MS - 1), **NOT_TRUSTED[oddity]
    )
    done = await scan(transport=InMemory(odd.answer))
    assert done.ids == odd.window
    assert done.lists == 7
    assert done.pages[-1].is_last
    assert done.pages[-1].position.by_list


@pytest.mark.parametrize("seed", range(40))
async def test_any_oddities_together_leave_a_complete_scan(seed: int):
    random = Random(seed)
    lengths = random.choices((1, 2, 3, 4, 7), k=random.randrange(1, 4))
    ids = {random.randrange(10**n, 10 ** (n + 1)) for n in lengths for _ in range(random.randrange(1, 260))}
    keeps: Sequence[Callable[[Rows], Rows]] = (lambda ids: ids[:PAGE], hundred_rows, with_the_first_again)
    odd = OddPortal(
        {i: SINCE_MS + random.choice((-1, 0, 5)) for i in ids},
        sort=random.choice((sorted, sorted, as_text, shuffled)),
        keep=random.choice(keeps),
        obey_dates=random.random() < 0.7,
    )
    done = await scan(transport=InMemory(odd.answer))
    assert sorted(done.ids) == odd.window


@pytest.mark.parametrize("fault", ["refused", "upward all the same"])
async def test_without_a_downward_order_what_goes_upward_reads_all(fault: str):
    odd = OddPortal(records(range(1, 2_001)))

    def answer(request: Request) -> Reply:
        downward = request.json["sorts"][0]["direction"] == "DESCENDING"
        if downward and fault == "refused":
            return Reply(status=400, body={"status": "error", "message": "sorts", "category": "VALIDATION_ERROR"})
        return odd.answer(request)

    done = await scan(transport=InMemory(answer))
    assert sorted(done.ids) == list(range(1, 2_001))
    assert done.lists == 0
    assert done.pages[-1].position == Position(last_id=2_000)


async def test_a_window_without_a_record_is_one_search():
    odd = OddPortal(records(range(10), modified_ms=SINCE_MS - 1))
    done = await scan(transport=InMemory(odd.answer))
    assert (done.ids, done.searches, done.lists) == ([], 1, 0)
    assert done.pages[-1].is_last


async def test_records_whose_date_can_not_be_read_count_as_inside():
    odd = OddPortal(records(range(1, 5)))

    def answer(request: Request) -> Reply:
        reply = odd.answer(request)
        reply.body["results"][0] |= {"properties": {"lastmodifieddate": "soon"}, "updatedAt": None}
        return reply

    done = await scan(transport=InMemory(answer))
    assert done.ids == [1, 2, 3, 4]


@pytest.mark.parametrize("list_after", [lambda _: 1, lambda after: after if after < 400 else 101])
async def test_a_list_that_goes_round_in_a_circle_is_an_error(list_after: Callable[[int], int]):
    odd = OddPortal(records(range(1, 1_000)), list_after=list_after)
    with pytest.raises(PortalUnavailable, match="circle"):
        await scan(transport=InMemory(odd.answer), start=Position(by_list=True))
