"""The groups of a report, where they would not fit: told in fewer figures, or fewer of them, which a cursor goes on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.explain.answer_id import AnswerId
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.sizing.cursors import Place, Question
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.sizing.own_groups import GroupKey
from coppermind_pipeline.wording import as_words, listed

# What answers call the figures that each of their groups leaves out.
FIGURES_OF_GROUPS = "groups.figures"


class PartlyTold(BaseModel):
    """A group that may leave out some of its figures as data, or parts of one (`closed_won.amount_home`).

    It has them still: only the answer has no room for them. JSON and spreadsheets leave them out, texts tell them.
    """

    untold: frozenset[str] = Field(default=frozenset(), exclude=True)

    @model_serializer(mode="wrap")
    def _told(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told = {name: value for name, value in whole(self).items() if name not in self.untold}
        for path in self.untold:
            figure, _, part = path.partition(".")
            if part and figure in told:
                told[figure] = {name: value for name, value in told[figure].items() if name != part}
        return told


class Labelled(Protocol):
    """A group, as far as it is cut."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...

    @property
    def portal_id(self) -> int | None:
        """Of its portal, where it is of one that may be told."""
        ...

    @property
    def connector_id(self) -> str | None:
        """The same."""
        ...

    @property
    def untold(self) -> frozenset[str]:
        """The figures that it leaves out."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return the group with other values of some fields."""
        ...


class Cells(Protocol):
    """What a group is made of."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...

    @property
    def portal(self) -> Portal:
        """Of its records."""
        ...

    @property
    def shown_group_key(self) -> GroupKey:
        """What the answer's id names it by."""
        ...


class Audited(Protocol):
    """What an answer says of itself, as far as its groups depend on it."""

    @property
    def group_by(self) -> str | None:
        """What its groups are of; None: the portals."""
        ...

    @property
    def audience(self) -> Audience:
        """Who reads it."""
        ...

    @property
    def answer_id(self) -> str | None:
        """What its figures are asked about by."""
        ...


class Grouped(Protocol):
    """A report with groups, what each is made of, and its place; None for those that are added up as `other`."""

    @property
    def audit(self) -> Audited:
        """What it says of itself."""
        ...

    @property
    def groups(self) -> Sequence[Labelled]:
        """The groups, as they are shown."""
        ...

    @property
    def group_cells(self) -> Sequence[Cells]:
        """What each is made of."""
        ...

    @property
    def group_places(self) -> Sequence[GroupPlace | None]:
        """Where each stands."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return the report with other values of some fields."""
        ...


Report = TypeVar("Report", bound=Grouped)


def with_less_told(report: Report, levels: Sequence[frozenset[str]]) -> Report | None:
    """Return the report whose groups leave out one level of figures more, the first that they still tell of."""
    if not report.groups:
        return None
    untold = report.groups[0].untold
    more = next((level for level in levels if not level <= untold), None)
    if more is None:
        return None
    return report.model_copy(
        update={"groups": [group.model_copy(update={"untold": untold | more}) for group in report.groups]}
    )


def with_fewer_groups(
    report: Report,
    *,
    added_up: Callable[[Sequence[Any]], Any],
    group_of: Callable[[Any, Any], Labelled],
) -> Report | None:
    """Return the report with its last group added up as `other`, so that all groups still add up to the summary.

    Args:
        added_up: returns what several groups are made of as that of one.
        group_of: returns the group that is made of something, with the figures of another group of the report.
    """
    last = _last_group(report)
    if last is None:
        return None
    parts = list(zip(report.groups, report.group_cells, report.group_places, strict=True))
    group, going, _ = parts.pop(last)
    across_portals = report.audit.group_by is None
    of_portal = [place for place, (_, cells, _) in enumerate(parts)
                 if across_portals or cells.portal.connector_id == going.portal.connector_id]  # fmt: skip
    # What is added up of a portal stands behind its other groups.
    at = of_portal[-1] + 1 if of_portal else last
    if of_portal and parts[at - 1][2] is None:
        at -= 1
        group, so_far, _ = parts.pop(at)
        going = added_up([so_far, going])
    else:
        going = added_up([going])
    parts.insert(at, (_other(report, going, like=group, group_of=group_of), going, None))
    groups, group_cells, group_places = (list(each) for each in zip(*parts, strict=True))
    return report.model_copy(update={"groups": groups, "group_cells": group_cells, "group_places": group_places})


def answer_id_of(whole: Grouped, cut: Grouped) -> str | None:
    """Return the id of the answer that has the groups of the cut report; None where no question has."""
    answer_id = whole.audit.answer_id
    if answer_id is None or len(_own(cut)) == len(_own(whole)):
        return answer_id
    if cut.audit.group_by is None:
        return None
    return AnswerId.read(answer_id).with_groups(cells.shown_group_key for cells in cut.group_cells).text


def _last_group(report: Grouped) -> int | None:
    """Return the number of the group that goes first where there is no room; None where only one is left."""
    places = _own(report)
    if len(places) <= 1:
        return None
    return report.group_places.index(min(places, key=lambda place: place.sort_key))


def _own(report: Grouped) -> list[GroupPlace]:
    """Return the places of the groups that stand by themselves."""
    return [place for place in report.group_places if place is not None]


def _other(report: Grouped, cells: Cells, *, like: Labelled, group_of: Callable[[Any, Any], Labelled]) -> Labelled:
    """Return what is added up as a group that tells as much as another one of its portal."""
    of_portal = f" ({cells.portal.name})"
    named = report.audit.audience is Audience.CLIENT and like.label.endswith(of_portal)
    across_portals = report.audit.group_by is None
    return group_of(cells, like).model_copy(
        update={
            "label": f"{cells.label}{of_portal}" if named else cells.label,
            "portal_id": None if across_portals else like.portal_id,
            "connector_id": None if across_portals else like.connector_id,
            "untold": like.untold,
        }
    )


def groups_left_out(cut: Grouped, question: Question, after: Place | None) -> Iterable[LeftOut]:
    """Say which groups have no figures of their own on a page, and where they go on.

    Args:
        after: the place that the page began behind.
    """
    added_up = [group.label for group, place in zip(cut.groups, cut.group_places, strict=True) if place is None]
    if added_up:
        labels = listed([f"“{label}”" for label in added_up])
        said = f"The smallest groups are added up as {labels}. The cursor goes on with them, one by one."
        last = min(_own(cut), key=lambda place: place.sort_key, default=after)
        yield LeftOut(part="groups", said=said, next_cursor=question.cursor(GroupPlace.part, last))


def figures_left_out(cut: Grouped, *, of_each: str) -> Iterable[LeftOut]:
    """Say which figures of the groups are not told; `of_each` is what a group is, as people call it."""
    untold = sorted(cut.groups[0].untold) if cut.groups else []
    if untold:
        said = f"Of each {of_each} {listed([as_words(name).replace('.', ', ') for name in untold])} did not fit."
        yield LeftOut(part=FIGURES_OF_GROUPS, said=said)
