"""Which records a record is linked to, read so that no link is overlooked and no error reads as "none"."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from coppermind_pipeline.hubspot.errors import ErrorItem
from coppermind_pipeline.hubspot.http.answers import error_items
from coppermind_pipeline.hubspot.resources.records import next_after

ASSOCIATION_INPUTS_MAX = 1_000

NONE_FOUND = "crm.associations.NO_ASSOCIATIONS_FOUND"


class AssociationType(msgspec.Struct, frozen=True, gc=False):
    """Why two records are linked.

    Attributes:
        category: `HUBSPOT_DEFINED`, `USER_DEFINED` or `INTEGRATOR_DEFINED`.
        type_id: fixed where HubSpot defined the type (deal to primary company is 5), else the portal's own.
        label: the portal's word for it; None for the plain link.
    """

    category: str
    type_id: int
    label: str | None


class Link(msgspec.Struct, frozen=True, gc=False):
    """A link to another record, with each of its types: the primary one comes beside the plain one."""

    to_id: str
    types: tuple[AssociationType, ...]


@dataclass(frozen=True, slots=True)
class Associations:
    """The links of the records that were asked for; each asked id is in exactly one of the two.

    Attributes:
        links: by id, all links of a record whose answer is complete; empty where HubSpot says that it has none.
        failed: by id, what went wrong; nothing is known about this record's links.
    """

    links: dict[str, tuple[Link, ...]]
    failed: dict[str, ErrorItem]


_CURSOR_GOES_ROUND = ErrorItem(message="HubSpot's cursors into this record's links go round in a circle.")
_NOT_MENTIONED = ErrorItem(message="HubSpot's answer does not mention this record.")


@dataclass(slots=True)
class AssociationsReader:
    """Collects answers until the links of each asked record are complete or known to be unreadable.

    An answer holds up to a page of links per record, and paging is per record: the ones with more are asked for again,
    from their cursor. Ask for `next_inputs()` and `take()` the answer, until there are no more inputs.
    """

    ids: Iterable[str]
    _pending: dict[str, str | None] = field(init=False)
    _cursors: dict[str, set[str]] = field(init=False, default_factory=dict)
    _overlooked: set[str] = field(init=False, default_factory=set)
    _links: dict[str, dict[str, dict[AssociationType, None]]] = field(init=False, default_factory=dict)
    _failed: dict[str, ErrorItem] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._pending = dict.fromkeys(self.ids)

    def next_inputs(self) -> list[dict[str, str]]:
        """Return the inputs of the next request, none when all is read."""
        inputs = list(self._pending.items())[:ASSOCIATION_INPUTS_MAX]
        return [{"id": i} if after is None else {"id": i, "after": after} for i, after in inputs]

    def take(self, asked: Sequence[dict[str, str]], answer: "AssociationsAnswer") -> None:
        """Take in the answer to `asked`."""
        unmentioned = {item["id"] for item in asked}
        for from_id, (links, after) in answer.pages.items():
            if from_id in unmentioned:
                unmentioned.discard(from_id)
                self._add(from_id, links, after)
        for item in answer.errors:
            for from_id in unmentioned.intersection(item.ids):
                unmentioned.discard(from_id)
                self._close(from_id, None if item.code == NONE_FOUND else item)
        for from_id in unmentioned:
            self._reconsider(from_id, answer)

    def give_up(self, from_id: str, reason: str) -> None:
        """Take note that a record's links can't be read."""
        self._close(from_id, ErrorItem(message=reason))

    def result(self) -> Associations:
        """Return what was read."""
        complete = {i: found for i, found in self._links.items() if i not in self._failed}
        return Associations(
            links={i: tuple(Link(to, tuple(types)) for to, types in found.items()) for i, found in complete.items()},
            failed=self._failed,
        )

    def _add(self, from_id: str, links: tuple[Link, ...], after: str | None) -> None:
        found = self._links.setdefault(from_id, {})
        for link in links:
            found.setdefault(link.to_id, {}).update(dict.fromkeys(link.types))
        if after is None:
            self._close(from_id, None)
        elif after in (cursors := self._cursors.setdefault(from_id, set())):
            self._close(from_id, _CURSOR_GOES_ROUND)
        else:
            cursors.add(after)
            self._pending[from_id] = after

    def _close(self, from_id: str, error: ErrorItem | None) -> None:
        del self._pending[from_id]
        if error is None:
            self._links.setdefault(from_id, {})
        else:
            self._failed[from_id] = error

    def _reconsider(self, from_id: str, answer: "AssociationsAnswer") -> None:
        """Ask once more for a record that the answer passes over; if a whole answer does so again, it has no links."""
        if from_id not in self._overlooked:
            self._overlooked.add(from_id)
            # To the end of the line, so that it comes again in smaller company.
            self._pending[from_id] = self._pending.pop(from_id)
        elif answer.is_whole and self._pending[from_id] is None:
            self._close(from_id, None)
        else:
            self._close(from_id, next((item for item in answer.errors if not item.ids), _NOT_MENTIONED))


@dataclass(frozen=True, slots=True)
class AssociationsAnswer:
    """One answer of the batch read.

    Attributes:
        pages: by record, a page of its links and the cursor to more of them.
        is_whole: each error that HubSpot counts is listed and says which record it is about.
    """

    pages: dict[str, tuple[tuple[Link, ...], str | None]]
    errors: tuple[ErrorItem, ...]
    is_whole: bool


def read_associations(data: Mapping[str, Any]) -> AssociationsAnswer:
    """Return the answer of the associations batch read; ids come as numbers or as text, and leave as text."""
    errors = error_items(data)
    return AssociationsAnswer(
        pages={
            str(result["from"]["id"]): (tuple(_link(to) for to in result["to"]), next_after(result))
            for result in data["results"]
        },
        errors=errors,
        is_whole=all(item.ids for item in errors)
        and int(data.get("numErrors") or 0) <= len(errors)
        and data.get("status", "COMPLETE") == "COMPLETE",
    )


def _link(to: Mapping[str, Any]) -> Link:
    return Link(
        str(to["toObjectId"]),
        tuple(
            AssociationType(str(t["category"]), int(t["typeId"]), t.get("label") or None)
            for t in to["associationTypes"]
        ),
    )
