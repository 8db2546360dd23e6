"""The answers of the `memory` tool as every interface shows them; the order of the fields is part of them."""

from datetime import date, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.memories import Audience, Memory
from coppermind_pipeline.reports.figures.groups import Group, GroupCells
from coppermind_pipeline.reports.figures.losses import Losses
from coppermind_pipeline.reports.figures.measures import Figures, RangeFigures
from coppermind_pipeline.reports.figures.panorama import Panorama
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.periods import CompareTo
from coppermind_pipeline.reports.question.places import DealPlace, GroupPlace
from coppermind_pipeline.reports.question.request import DateBasis, GroupBy
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.trust.block import TrustBlock


class ComparedPeriod(BaseModel):
    """The earlier range; `elapsed_days` where it is as long as the unfinished period is old."""

    model_config = ConfigDict(frozen=True)

    compare_to: CompareTo
    start: datetime
    end: datetime
    first_day: date
    last_day: date
    elapsed_days: int | None

    @classmethod
    def of(cls, frame: Frame) -> Self | None:
        """Return that of a question; None where it compares with nothing."""
        compared = frame.compared
        if compared is None or frame.compare_to is None:
            return None
        return cls(
            compare_to=frame.compare_to,
            start=compared.start,
            end=compared.end,
            first_day=compared.local.first_day,
            last_day=compared.local.last_day,
            elapsed_days=frame.elapsed_days,
        )


class PeriodBlock(BaseModel):
    """What the figures are of. `start` is included, `end` excluded; both are days' edges in `timezone`.

    `hubspot_property` is the property that dates won deals, `hubspot_properties` all real names where it depends on
    the deal's pipeline.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None
    start: datetime
    end: datetime
    first_day: date
    last_day: date
    timezone: str
    date_basis: DateBasis
    date_basis_label: str
    hubspot_property: str
    hubspot_properties: list[str]
    as_of: datetime | None
    compared_with: ComparedPeriod | None


class Audit(BaseModel):
    """What to know before the figures; the most important first, empty where there is nothing to say."""

    model_config = ConfigDict(frozen=True)

    caveats: list[str]
    group_by: GroupBy | None
    audience: Audience = Audience.INTERNAL
    outcome: list[Outcome] | None = Field(description="of the deals that count; null: all")
    withheld: dict[str, str] = Field(
        description="figures that are null, empty or zero because their deals were left out, with the reason"
    )
    include_filtered: bool
    answer_id: str | None = Field(default=None, description="with # and a figure's path: where that number comes from")
    generated_at: datetime
    left_out: list[LeftOut] = Field(default=[], description="what the answer had no room for, and how to get it")


class Summary(Figures):
    """All figures, and those of the earlier range where one was asked for."""

    compared_with: RangeFigures | None


class DealRow(BaseModel):
    """One deal behind the figures. Days are those of the report's zone; a client reads no id, name, owner or link."""

    model_config = ConfigDict(frozen=True)

    deal_id: str | None
    connector_id: str | None
    name: str | None
    outcome: Literal["won", "lost", "open"]
    stage: str
    pipeline: str
    owner: str | None
    source: str
    company: str | None
    country: str
    amount: str | None
    currency: str | None
    amount_home: str | None
    close_date: date | None
    report_date: date | None
    link: str | None


class DealPage(BaseModel):
    """One page of rows: won, lost and, where they were asked for, open deals, each newest first.

    Pages are counted (`page`, `next_page`), or go on at a cursor (`next_cursor`). Both are None on the last.
    """

    model_config = ConfigDict(frozen=True)

    total: int
    page: int | None
    page_rows: int
    next_page: int | None
    next_cursor: str | None = None
    rows: list[DealRow]


class CrmReport(BaseModel):
    """A CRM report. `deals` is None where rows were not asked for, `losses` where lost deals are left out."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    period: PeriodBlock
    audit: Audit
    headline: list[str]
    summary: Summary
    groups: list[Group]
    losses: Losses | None
    deals: DealPage | None


class PlacedReport(CrmReport):
    """A CRM report with the places of its groups and rows, which is what cursors are made of; no part of its JSON.

    `group_cells`: what each group is made of, so that groups can still be added up.
    """

    group_cells: list[InstanceOf[GroupCells]] = Field(exclude=True)
    group_places: list[GroupPlace | None] = Field(exclude=True)
    deal_places: list[DealPlace] = Field(exclude=True)


class PanoramicReport(PlacedReport):
    """A CRM report with what pages show besides, which is no part of the answer as JSON: charts, and plain caveats."""

    panorama: Panorama = Field(exclude=True)
    in_plain_words: list[str] = Field(exclude=True)


class RenderedReport(BaseModel):
    """A CRM report in a format other than json, behind what is to be known before it."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    caveats: list[str]
    left_out: list[LeftOut] = []
    format: Literal["markdown", "csv", "html"]
    content: str


class FoundMemories(BaseModel):
    """What a search found, best first; fields as those of `memories.Found`."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    memories: tuple[Memory, ...]
    more: bool
    ranked_max: int | None
    did_you_mean: dict[str, str]


class ListedMemories(BaseModel):
    """A page of memories, newest first; `next_before` asks for the next page, and is None on the last."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    memories: tuple[Memory, ...]
    next_before: int | None


class OneMemory(BaseModel):
    """One memory."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    memory: Memory
