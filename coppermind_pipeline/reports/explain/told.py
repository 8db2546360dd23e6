"""A figure of an answer, whatever the answer is about: as one state of the store tells it, with what it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import ReadBy
from coppermind_pipeline.reports.explain.models import LeadRow
from coppermind_pipeline.reports.explain.rows import FigureRows, Members
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.request import RangeRequest


@dataclass(frozen=True, slots=True)
class Told:
    """A figure as one state of the store tells it; `group` is the one that it is of, by its place in the report."""

    value: Any
    group: Mapping[str, Any] | None
    records: FigureRows

    def equals(self, other: "Told") -> bool:
        """Say whether both states tell the same figure of the same records."""
        return (self.value, self.records.hash) == (other.value, other.records.hash)


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the records are listed."""

    offset: int
    limit: int


class Figure(Protocol):
    """A figure of one kind of answer."""

    @property
    def asked(self) -> RangeRequest:
        """What the answer was asked for."""
        ...

    @property
    def metric(self) -> Metric | None:
        """The catalogue's entry of it."""
        ...

    @property
    def definition(self) -> str | None:
        """What it is, in one sentence."""
        ...

    @property
    def is_of_contacts(self) -> bool:
        """Whether an erased contact may have been part of it, or have said what it is grouped by."""
        ...

    def told(self, frame: Frame, by: Mapping[str, ReadBy], group: Mapping[str, Any] | None, page: Page) -> Told:
        """Return the figure of that group, wherever it is, or of the one at the figure's place."""
        ...

    def rows(self, told: Told, frame: Frame) -> list[DealRow] | list[LeadRow]:
        """Return the records that are listed."""
        ...


def theme_at(place: int, themes: Sequence[Mapping[str, Any]], found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the theme of losses at a place, or the same as another report's; without figures where there is none such.

    Raises:
        ReportArgumentError: the answer has no such place.
    """
    if found is None:
        if place >= len(themes):
            raise ReportArgumentError(f"The answer has no theme {place}.")
        return themes[place]
    return next((each for each in themes if each["theme"] == found["theme"]), {"theme": found["theme"]})


def group_at(place: int, groups: Sequence[Mapping[str, Any]], found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the group at a place, or the same as another report's; without figures where there is none such.

    Raises:
        ReportArgumentError: the answer has no such place.
    """
    if found is None:
        if place >= len(groups):
            raise ReportArgumentError(f"The answer has no group {place}.")
        return groups[place]
    names = ("connector_id", "key", "label", "portal_id")
    same = (each for each in groups if all(each[name] == found[name] for name in names[:2]))
    return next(same, {name: found[name] if name in names else None for name in found})


def members_of(
    group: Mapping[str, Any] | None, groups: Sequence[Mapping[str, Any]], *, is_grouped: bool, added_up: str
) -> Members:
    """Return which records belong to a group; those of the key `added_up` are in none of the others."""
    if group is None:
        return Members()
    connector = group["connector_id"]
    if not is_grouped:
        return Members(connector_id=connector)
    if group["key"] != added_up:
        return Members(connector_id=connector, key=group["key"])
    kept = [each["key"] for each in groups if each["connector_id"] == connector and each["key"] != added_up]
    return Members(connector_id=connector, other_keys=kept)
