"""The client: everything that the product reads from one portal."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from coppermind_pipeline.hubspot import paths
from coppermind_pipeline.hubspot.budgets import Budget, Budgets
from coppermind_pipeline.hubspot.calls import WAITED_S, AccessTokens, PortalCalls, SentRequest
from coppermind_pipeline.hubspot.errors import PortalUnavailable, RequestRefused
from coppermind_pipeline.hubspot.http.halving import Halving, PageSize
from coppermind_pipeline.hubspot.http.retries import RetryLimits
from coppermind_pipeline.hubspot.http.transport import REQUEST_TIMEOUT_S, Transport
from coppermind_pipeline.hubspot.resources.associations import (
    Associations,
    AssociationsAnswer,
    AssociationsReader,
    read_associations,
)
from coppermind_pipeline.hubspot.resources.definitions import (
    Pipeline,
    PropertyDefinition,
    read_pipelines,
    read_properties,
)
from coppermind_pipeline.hubspot.resources.portal import (
    AccountDetails,
    Owner,
    each_owner_once,
    read_account,
    read_owners,
)
from coppermind_pipeline.hubspot.resources.record_answers import RecordAnswers
from coppermind_pipeline.hubspot.resources.records import (
    BATCH_READ_IDS_MAX,
    LIST_PAGE_RECORDS_MAX,
    SEARCH_PAGE_RECORDS_MAX,
    BatchRead,
    Filter,
    ListPage,
    SearchPage,
    joined,
    next_after,
    read_batch,
    read_list_page,
    read_search_page,
)
from coppermind_pipeline.object_types import ObjectType

OWNERS_PAGE_MAX = 500
# Records that are asked for to see whether the portal answers at all.
WITNESSES = 5

T = TypeVar("T")


class HubSpotClient:
    """Reads one portal. Used as an async context manager; its methods may run concurrently.

    Every method may raise, besides what it says itself:
        TokenRejected, ScopeMissing: a person must act.
        RateLimited, PortalUnavailable: still so after bounded retries; `retry_at` where HubSpot named a time.
        RequestRefused: HubSpot calls the request itself wrong.

    Args:
        base_url: HubSpot's host, such as `https://api.hubapi.com`.
        tokens: gives the access token, and another one when HubSpot rejects it.
        budgets: the portal's rate budgets; each request takes one unit of one of them.
        on_request: called after each request that went over the wire, for counting.
        zone: the portal's time zone, where its daily limit ends at midnight.
        retry_limits: how long a passing fault is waited out.
        request_timeout_s: for one request from its first to its last byte.
        clock: the current time, aware.
        transport: what sends the requests in the place of HTTP to `base_url`: the seam for tests without a network.
    """

    def __init__(
        self,
        base_url: str,
        tokens: AccessTokens,
        budgets: Budgets,
        *,
        on_request: Callable[[SentRequest], None] | None = None,
        zone: tzinfo = UTC,
        retry_limits: RetryLimits = RetryLimits(),
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: Transport | None = None,
    ) -> None:
        self._transport = transport or Transport(base_url, request_timeout_s=request_timeout_s)
        self._calls = PortalCalls(self._transport, tokens, budgets, retry_limits, clock, zone, on_request)
        self._record_answers = {object_type: RecordAnswers() for object_type in ObjectType}
        self._halvings: dict[str, Halving[Any]] = {}
        self._page_sizes: dict[str, PageSize] = {}

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def search(
        self,
        object_type: ObjectType,
        *,
        filters: Sequence[Filter] = (),
        by_id: Literal["ascending", "descending"] | None = "ascending",
        properties: Sequence[str] = (),
        limit: int = SEARCH_PAGE_RECORDS_MAX,
        after: str | None = None,
    ) -> SearchPage:
        """Return one page of the records that match all `filters`; archived records are never among them.

        HubSpot's search index lags behind the records, its `after` is an offset that shifts while records change, and
        results past the 10,000th are refused: walk by `hs_object_id` above the last one instead. A page is smaller than
        `limit` where that is too much at once for HubSpot: the cursor alone says that nothing is left.

        Args:
            object_type: which records.
            filters: all must hold; 6 at most. None matches every record.
            by_id: in this order of `hs_object_id`; None is HubSpot's own order, oldest created first.
            properties: names to return; none returns HubSpot's default ones.
            limit: records, 1 to 200.
            after: the cursor of the page before; None begins.
        Source: HubSpot, "Search the CRM".
        """
        body: dict[str, Any] = {
            "filterGroups": [{"filters": [condition.as_json() for condition in filters]}] if filters else [],
            "sorts": [{"propertyName": "hs_object_id", "direction": by_id.upper()}] if by_id else [],
            "properties": list(properties),
        }
        if after is not None:
            body["after"] = after
        path = paths.search(object_type)

        async def send(records: int, attempts: int | None) -> SearchPage:
            # HubSpot took pages of 100 at most for years.
            with _size_refused(when=records > 1):
                return await self._calls.call(
                    "POST",
                    path,
                    budget=Budget.SEARCH,
                    body={**body, "limit": records},
                    decode=self._record_answers[object_type].decode,
                    read=read_search_page,
                    attempts_if_too_much=attempts,
                )

        return await self._page_size(path).ask(limit, send)

    @property
    def searches_wait(self) -> bool:
        """Whether searches line up for their turns, so that more of them at once would be no faster."""
        return any(waited_s >= WAITED_S for waited_s in self._calls.waits_s[Budget.SEARCH])

    async def batch_read(
        self,
        object_type: ObjectType,
        ids: Iterable[str],
        properties: Sequence[str],
        *,
        archived: bool = False,
        halve_refused: bool = False,
    ) -> BatchRead:
        """Return the records with the given ids, and what became of the ids that have none.

        Where that is too much at once for HubSpot it is read in parts; what can't be read even alone has failed.

        Args:
            object_type: which records.
            ids: 100 at most, after doubles are left out.
            properties: names to return; unknown ones are left out by HubSpot, or refused.
            archived: read archived records alone, instead of live ones alone.
            halve_refused: take a refusal that names no property (400) for one of so many ids: HubSpot takes the names.

        Raises:
            ValueError: more ids than HubSpot takes at once.
        """
        asked = list(dict.fromkeys(ids))
        if len(asked) > BATCH_READ_IDS_MAX:
            msg = f"{len(asked)} ids in one batch read; HubSpot takes {BATCH_READ_IDS_MAX}"
            raise ValueError(msg)
        if not asked:
            return BatchRead()
        path = paths.batch_read(object_type)

        async def read(some: Sequence[str], attempts: int) -> BatchRead:
            with _size_refused(when=halve_refused):
                return await self._calls.call(
                    "POST",
                    path,
                    budget=Budget.GENERAL,
                    query={"archived": _flag(archived)},
                    body={
                        "inputs": [{"id": i} for i in some],
                        "properties": list(properties),
                        "propertiesWithHistory": [],
                    },
                    decode=self._record_answers[object_type].decode,
                    read=lambda data: read_batch(data, asked=some),
                    attempts_if_too_much=attempts,
                )

        parts = await self._halving(path, lambda: self._first_ids(object_type)).ask(asked, read)
        answers = [answer for _, answer in parts.answers]
        failed = {hubspot_id: error.message for hubspot_id, error in parts.failed}
        return answers[0] if len(answers) == 1 and not failed else joined(answers, asked=asked, failed=failed)

    async def list_page(
        self,
        object_type: ObjectType,
        *,
        after: str | None = None,
        properties: Sequence[str] = (),
        archived: bool = False,
        limit: int = LIST_PAGE_RECORDS_MAX,
    ) -> ListPage:
        """Return one page of all records of a type; no index stands before it, and it has no end at 10,000.

        A page is smaller than `limit` where that is too much at once for HubSpot.

        Args:
            object_type: which records.
            after: the cursor of the page before; None begins.
            properties: names to return. They travel in the URL, which HubSpot refuses beyond some 16,000 characters:
                ask for few, and read the rest by id.
            archived: archived records alone, instead of live ones alone.
            limit: records, 1 to 100.
        """
        query = {"archived": _flag(archived)}
        if properties:
            query["properties"] = ",".join(properties)
        if after is not None:
            query["after"] = after
        path = paths.objects(object_type)

        async def send(records: int, attempts: int | None) -> ListPage:
            return await self._calls.call(
                "GET",
                path,
                budget=Budget.GENERAL,
                query={"limit": str(records), **query},
                decode=self._record_answers[object_type].decode,
                read=read_list_page,
                attempts_if_too_much=attempts,
            )

        return await self._page_size(path).ask(limit, send)

    async def properties(self, object_type: ObjectType) -> tuple[PropertyDefinition, ...]:
        """Return the definitions of a type's properties, without the sensitive ones: no scope of ours opens those."""
        return await self._all_pages(
            paths.properties(object_type),
            query={"archived": "false", "dataSensitivity": "non_sensitive"},
            read=read_properties,
        )

    async def pipelines(self, object_type: ObjectType = ObjectType.DEALS) -> tuple[Pipeline, ...]:
        """Return a type's pipelines with their stages; a stage that was deleted may still be named by old records."""
        return await self._all_pages(paths.pipelines(object_type), query={}, read=read_pipelines)

    async def owners(self) -> tuple[Owner, ...]:
        """Return all owners, active and archived, each once."""
        found: list[Owner] = []
        for archived in (True, False):
            found += await self._all_pages(
                paths.OWNERS,
                query={"limit": str(OWNERS_PAGE_MAX), "archived": _flag(archived)},
                read=lambda data, archived=archived: read_owners(data, archived=archived),
            )
        return each_owner_once(found)

    async def associations(self, from_type: ObjectType, to_type: ObjectType, ids: Iterable[str]) -> Associations:
        """Return all links of the given records to records of `to_type`; each id's answer is complete, or an error.

        Takes any number of ids: 1,000 go into a request, and more requests follow for records with many links.
        """
        path = paths.associations(from_type, to_type)

        async def read(some: Sequence[dict[str, str]], attempts: int) -> AssociationsAnswer:
            with _size_refused():
                return await self._calls.call(
                    "POST",
                    path,
                    budget=Budget.ASSOCIATIONS,
                    body={"inputs": some},
                    read=read_associations,
                    attempts_if_too_much=attempts,
                )

        async def witnesses() -> list[dict[str, str]]:
            return [{"id": hubspot_id} for hubspot_id in await self._first_ids(from_type)]

        reader = AssociationsReader(ids)
        while inputs := reader.next_inputs():
            parts = await self._halving(path, witnesses).ask(inputs, read)
            for asked, answer in parts.answers:
                reader.take(asked, answer)
            for asked, error in parts.failed:
                reader.give_up(asked["id"], error.message)
        return reader.result()

    async def account(self, *, retry_limits: RetryLimits | None = None) -> AccountDetails:
        """Return the portal's account details; `retry_limits` None: those of every call."""
        calls = self._calls if retry_limits is None else replace(self._calls, retry_limits=retry_limits)
        return await calls.call("GET", paths.ACCOUNT, budget=Budget.GENERAL, read=read_account)

    def _halving(self, path: str, witnesses: Callable[[], Awaitable[Sequence[Any]]]) -> Halving[Any]:
        """Return what is known of an endpoint's measure, as long as this client lives."""
        return self._halvings.setdefault(path, Halving(witnesses))

    def _page_size(self, path: str) -> PageSize:
        return self._page_sizes.setdefault(path, PageSize())

    async def _first_ids(self, object_type: ObjectType) -> list[str]:
        page = await self._calls.call(
            "GET",
            paths.objects(object_type),
            budget=Budget.GENERAL,
            query={"limit": str(WITNESSES), "archived": "false"},
            decode=self._record_answers[object_type].decode,
            read=read_list_page,
        )
        return [record.id for record in page.records]

    async def _all_pages(
        self, path: str, *, query: Mapping[str, str], read: Callable[[Mapping[str, Any]], tuple[T, ...]]
    ) -> tuple[T, ...]:
        found: list[T] = []
        after: str | None = None
        seen: set[str] = set()
        while True:
            items, after = await self._calls.call(
                "GET",
                path,
                budget=Budget.GENERAL,
                query=query if after is None else {**query, "after": after},
                read=lambda data: (read(data), next_after(data)),
            )
            found += items
            if after is None:
                return tuple(found)
            if after in seen:
                raise PortalUnavailable(f"HubSpot's pages of {path} go round in a circle.")
            seen.add(after)


@contextmanager
def _size_refused(*, when: bool = True) -> Iterator[None]:
    """Take it for a matter of size where HubSpot refuses a batch or page as such, and says nothing of properties."""
    try:
        yield
    except RequestRefused as error:
        if when and error.status == 400 and not error.refused_properties:
            error.is_too_much = True
        raise


def _flag(value: bool) -> str:  # noqa: FBT001 - a query value, written out
    return "true" if value else "false"
