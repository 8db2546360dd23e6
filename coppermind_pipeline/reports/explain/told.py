"""A figure of an answer, whatever the answer is about: as one state of the store tells it, with what it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.reports.explain.answer_id import ReadBy
from coppermind_pipeline.reports.explain.models import LeadRow
from coppermind_pipeline.reports.explain.rows import FigureRows
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.request import RangeRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A figure as one state of the store tells it; `is_gone`: the group that it is of is there no more."""

    value: Any
    records: FigureRows
    is_gone: bool

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

    def told(self, frame: Frame, by: Mapping[str, ReadBy], page: Page) -> Told:
        """Return the figure, of the group or theme that it was of, wherever that stands by now."""
        ...

    def rows(self, told: Told, frame: Frame) -> list[DealRow] | list[LeadRow]:
        """Return the records that are listed."""
        ...
