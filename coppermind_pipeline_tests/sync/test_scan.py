"""A scan ends complete whatever order, totals, cursors and rows the portal answers with, and trusts none unchecked."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr

from coppermind_pipeline.hubspot import SCOPES, HubSpotClient, PortalUnavailable, SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.sync.scan import Position, ScanPage, scan_modified
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request, scripted_portal
from coppermind_pipeline_tests.sync.reconciling import Unpaced

CONTACTS = ObjectType.CONTACTS
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
SINCE_MS = int(SINCE.timestamp()) * 1000
PAGE = 200


@dataclass(frozen=True)
class OneToken:
    value: str = "a-token"

    async def current(self) -> SecretStr:
        return SecretStr(self.value)

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        raise AssertionError("nothing here rejects a token")


@dataclass
class Scanned:
    """What a scan brought, and how."""

    pages: list[ScanPage] = field(default_factory=list)
    searches: int = 0
    lists: int = 0

    @property
    def ids(self) -> list[int]:
        """What it brought, doubles included, since it began anew where it did."""
        by_list = [page for page in self.pages if page.position.by_list]
        return [int(record.id) for page in by_list or self.pages for record in page.records]

    def note(self, sent: SentRequest) -> None:
        if sent.method == "GET":
            self.lists += 1
        else:
            self.searches += 1


async def scan(
    url: str,
    *,
    token: str = "a-token",
    object_type: ObjectType = CONTACTS,
    start: Position = Position(),
    on_request: Callable[[SentRequest], None] = lambda _: None,
    until: Callable[[ScanPage], bool] = lambda _: False,
) -> Scanned:
    done = Scanned()

    def note(sent: SentRequest) -> None:
        done.note(sent)
        on_request(sent)

    async with HubSpotClient(url, OneToken(token), Unpaced(), on_request=note) as client:
        async for page in scan_modified(client, object_type, since=SINCE, properties=["email"], start=start):
            done.pages.append(page)
            if until(page):
                break
    return done


# --- A portal of HubSpot's kind -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=0, companies=0, deals=0, limits=False)) as running:
        yield running


@pytest.fixture
def hub_id(sandbox: RunningSandbox) -> int:
    """An empty portal of the test's own."""
    return sandbox.control.create_portal(contacts=0, companies=0, deals=0)


def put_contacts(sandbox: RunningSandbox, hub_id: int, ids: Iterable[int], *, modified_ms: int = SINCE_MS) -> None:
    for record_id in ids:
        sandbox.control.create("contacts", {}, record_id=record_id, at_ms=modified_ms, hub_id=hub_id)


async def scan_sandbox(sandbox: RunningSandbox, hub_id: int, **options: Any) -> Scanned:
    token = sandbox.control.issue_token(("oauth", *SCOPES), hub_id=hub_id)
    return await scan(sandbox.url, token=token.access_token, **options)


async def test_ids_of_four_and_twelve_digits_sorted_as_numbers_take_one_search_a_page(
    sandbox: RunningSandbox, hub_id: int
):
    ids = {*range(1_001, 1_301), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert (done.searches, done.lists) == (3, 0)


@pytest.mark.parametrize("id_order", ["text_sort", "text"])
async def test_ids_of_four_and_twelve_digits_sorted_as_text_end_in_the_list(
    sandbox: RunningSandbox, hub_id: int, id_order: str
):
    ids = {*range(1_001, 1_301), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, id_order=id_order)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert done.lists == 6
    assert done.pages[-1].is_last


@pytest.mark.parametrize("id_order", ["text_sort", "text"])
async def test_a_text_order_that_looks_right_on_every_page_is_noticed(
    sandbox: RunningSandbox, hub_id: int, id_order: str
):
    """999 sorts behind the page that holds 1000000 to 1000199, and is not above it."""
    ids = {999, *range(1_000_000, 1_000_000 + PAGE)}
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, id_order=id_order)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)


async def test_short_pages_that_ascend_are_walked_without_the_list(sandbox: RunningSandbox, hub_id: int):
    ids = range(1_001, 1_451)
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, short_pages=True)
    done = await scan_sandbox(sandbox, hub_id)
    assert done.ids == list(ids)
    assert done.lists == 0


async def test_empty_pages_with_a_cursor_end_in_the_list(sandbox: RunningSandbox, hub_id: int):
    ids = range(1_001, 1_251)
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, empty_pages=True)
    done = await scan_sandbox(sandbox, hub_id)
    assert done.ids == list(ids)
    assert (done.searches, done.lists) == (1, 3)


async def test_the_list_is_asked_for_in_short_urls_and_filtered_by_the_window(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 1_151))
    put_contacts(sandbox, hub_id, range(2_001, 2_151), modified_ms=SINCE_MS - 1)
    done = await scan_sandbox(sandbox, hub_id, start=Position(by_list=True))
    assert done.ids == list(range(1_001, 1_151))
    assert (done.searches, done.lists) == (0, 3)


async def test_what_is_archived_meanwhile_does_not_throw_the_scan_off_its_order(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_001))
    archived = iter(range(2_000, 1_900, -10))

    def archive_one(_: SentRequest) -> None:
        sandbox.control.archive("contacts", [next(archived)], hub_id=hub_id)

    done = await scan_sandbox(sandbox, hub_id, on_request=archive_one)
    live = sandbox.control.export(hub_id=hub_id).live("contacts")
    assert set(done.ids) >= {int(record_id) for record_id in live}
    assert done.lists == 0


async def test_what_is_created_and_edited_meanwhile_above_the_cursor_is_brought(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 1_601))
    put_contacts(sandbox, hub_id, range(5_001, 5_011), modified_ms=SINCE_MS - 1)
    edited = iter(range(5_001, 5_011))
    born: list[int] = []

    def happen(_: SentRequest) -> None:
        sandbox.control.edit("contacts", [next(edited)], {"city": "Utrecht"}, hub_id=hub_id)
        born.append(int(sandbox.control.create("contacts", {}, hub_id=hub_id)))

    done = await scan_sandbox(sandbox, hub_id, on_request=happen)
    assert done.lists == 0
    assert set(done.ids) >= {*range(1_001, 1_601), 5_001, 5_002, *born[:2]}
    assert len(done.ids) == len(set(done.ids))


async def test_cut_after_any_page_it_goes_on_behind_it(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_101))
    position, ids, slices = Position(), [], 0
    while True:
        part = await scan_sandbox(sandbox, hub_id, start=position, until=lambda _: True)
        ids += part.ids
        slices += 1
        position = part.pages[-1].position
        if part.pages[-1].is_last:
            break
    assert ids == list(range(1_001, 2_101))
    assert slices == 6


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a thousand records be a window that is worth reading from both ends."""
    monkeypatch.setattr("coppermind_pipeline.sync.scan.FROM_BOTH_ENDS_RECORDS", 1_000)


@pytest.mark.usefixtures("large")
async def test_a_large_window_is_read_from_both_ends_each_record_once(sandbox: RunningSandbox, hub_id: int):
    ids = {*range(1_001, 1_901), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert any(page.position.first_id for page in done.pages)
    # A page each, and the one with which each of the two learns that they have met.
    assert done.searches <= 6 + 3
    assert [page.total for page in done.pages if page.total] == [1_200, 1_200]
    assert [page.is_last for page in done.pages].index(True) == len(done.pages) - 1


@pytest.mark.usefixtures("large")
async def test_a_large_window_cut_after_any_page_is_read_on_from_both_ends(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 3_001))
    position, ids = Position(), []
    while True:
        part = await scan_sandbox(sandbox, hub_id, start=position, until=lambda _: True)
        ids += part.ids
        position = part.pages[-1].position
        if part.pages[-1].is_last:
            break
    assert sorted(ids) == list(range(1_001, 3_001))
    part = await scan_sandbox(sandbox, hub_id, start=Position(last_id=1_600, first_id=2_401))
    assert sorted(part.ids) == list(range(1_601, 2_401))


@pytest.mark.usefixtures("large")
async def test_what_goes_on_between_the_two_ends_of_a_large_window_is_brought(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_401))
    put_contacts(sandbox, hub_id, range(2_401, 2_411), modified_ms=SINCE_MS - 1)
    archived, edited = iter(range(1_100, 2_400, 90)), cycle(range(2_401, 2_411))

    def happen(_: SentRequest) -> None:
        sandbox.control.archive("contacts", [next(archived)], hub_id=hub_id)
        sandbox.control.edit("contacts", [next(edited)], {"city": "Utrecht"}, hub_id=hub_id)

    done = await scan_sandbox(sandbox, hub_id, on_request=happen)
    live = {int(record_id) for record_id in sandbox.control.export(hub_id=hub_id).live("contacts")}
    assert set(done.ids) >= {record_id for record_id in live if record_id <= 2_400}
    assert done.lists == 0
    assert len(done.ids) == len(set(done.ids))


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("fault", ["refused", "upward all the same"])
async def test_without_a_downward_order_the_upward_walk_reads_all(fault: str):
    odd = OddPortal(records(range(1, 2_001)))

    def answer(request: Request) -> Reply:
        downward = request.json["sorts"][0]["direction"] == "DESCENDING"
        if downward and fault == "refused":
            return Reply(status=400, body={"status": "error", "message": "sorts", "category": "VALIDATION_ERROR"})
        return odd.answer(request)

    async with scripted_portal() as server:
        server.will(*[answer] * 1_000)
        done = await scan(server.url)
    assert sorted(done.ids) == list(range(1, 2_001))
    assert done.lists == 0
    assert done.pages[-1].position == Position(last_id=2_000)


async def test_contacts_are_asked_for_by_the_date_that_search_knows_of_them(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, [1_001])
    sandbox.control.create("companies", {}, at_ms=SINCE_MS, hub_id=hub_id)
    for object_type in (ObjectType.CONTACTS, ObjectType.COMPANIES):
        done = await scan_sandbox(sandbox, hub_id, object_type=object_type)
        assert len(done.ids) == 1


# --- A portal that answers oddly ----------------------------------------------------------------------------------

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


@asynccontextmanager
async def serving(odd: OddPortal) -> AsyncIterator[str]:
    async with scripted_portal() as server:
        server.will(*[odd.answer] * 10_000)
        yield server.url


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
async def test_what_leaves_the_walk_provably_complete_is_walked(oddity: str):
    odd = OddPortal(records(range(800, 1_350)) | records(range(400, 500), modified_ms=SINCE_MS - 1), **TRUSTED[oddity])
    async with serving(odd) as url:
        done = await scan(url)
    assert done.ids == odd.window
    assert done.lists == 0


@pytest.mark.parametrize("oddity", NOT_TRUSTED)
async def test_what_leaves_a_doubt_ends_in_the_list(oddity: str):
    odd = OddPortal(
        records(range(800, 1_350)) | records(range(400, 500), modified_ms=SINCE_MS - 1), **NOT_TRUSTED[oddity]
    )
    async with serving(odd) as url:
        done = await scan(url)
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
    async with serving(odd) as url:
        done = await scan(url)
    assert sorted(done.ids) == odd.window


async def test_a_window_without_a_record_is_one_search():
    odd = OddPortal(records(range(10), modified_ms=SINCE_MS - 1))
    async with serving(odd) as url:
        done = await scan(url)
    assert (done.ids, done.searches, done.lists) == ([], 1, 0)
    assert done.pages[-1].is_last


async def test_records_whose_date_can_not_be_read_count_as_inside():
    odd = OddPortal(records(range(1, 5)))

    def answer(request: Request) -> Reply:
        reply = odd.answer(request)
        reply.body["results"][0] |= {"properties": {"lastmodifieddate": "soon"}, "updatedAt": None}
        return reply

    async with scripted_portal() as server:
        server.will(answer)
        done = await scan(server.url)
    assert done.ids == [1, 2, 3, 4]


@pytest.mark.parametrize("list_after", [lambda _: 1, lambda after: after if after < 400 else 101])
async def test_a_list_that_goes_round_in_a_circle_is_an_error(list_after: Callable[[int], int]):
    odd = OddPortal(records(range(1, 1_000)), list_after=list_after)
    async with serving(odd) as url:
        with pytest.raises(PortalUnavailable, match="circle"):
            await scan(url, start=Position(by_list=True))
