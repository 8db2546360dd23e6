"""The lead report as every interface shows it; the order of the fields is part of it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.leads.groups import GroupCells, LeadGroup
from coppermind_pipeline.reports.leads.measures import LeadFigures, LeadRangeFigures, Setting
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.reports.models import ComparedPeriod
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.trust.block import TrustBlock


class LeadPeriod(BaseModel):
    """What the figures are of. `start` is included, `end` excluded; both are days' edges in `timezone`."""

    model_config = ConfigDict(frozen=True)

    name: str | None
    start: datetime
    end: datetime
    first_day: date
    last_day: date
    timezone: str
    date_basis: Literal["createdate"]
    date_basis_label: str
    hubspot_property: str
    hubspot_properties: list[str]
    as_of: datetime | None
    compared_with: ComparedPeriod | None


class LeadAudit(BaseModel):
    """What to know before the figures, the most important first; `notes` say how they are counted."""

    model_config = ConfigDict(frozen=True)

    caveats: list[str]
    notes: list[str]
    group_by: LeadGroupBy | None
    audience: Audience = Audience.INTERNAL
    include_filtered: bool
    answer_id: str | None = Field(default=None, description="with # and a figure's path: where that number comes from")
    generated_at: datetime
    left_out: list[LeftOut] = Field(default=[], description="what the answer had no room for, and how to get it")


class LeadSummary(LeadFigures):
    """All figures, and those of the earlier range where one was asked for.

    `entered_unknown`: by stage, contacts that have been in it, nobody knows since when, hence in no range's `entered`.
    `stage_labels`: what people call the stages.
    """

    entered_unknown: dict[str, int]
    stage_labels: dict[str, str]
    compared_with: LeadRangeFigures | None


class LeadReport(BaseModel):
    """A lead report."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    period: LeadPeriod
    audit: LeadAudit
    headline: list[str]
    summary: LeadSummary
    groups: list[LeadGroup]


class PlacedLeadReport(LeadReport):
    """A lead report with the places of its groups, which is what cursors are made of; no part of its JSON.

    `group_cells`: what each group is made of, so that groups can still be added up, in the `setting`.
    """

    setting: InstanceOf[Setting] = Field(exclude=True)
    group_cells: list[InstanceOf[GroupCells]] = Field(exclude=True)
    group_places: list[GroupPlace | None] = Field(exclude=True)
