"""The changes as every interface shows them; the order of the fields is part of it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.changes.steps import Step
from coppermind_pipeline.reports.figures.measures import Amount, DealSum
from coppermind_pipeline.reports.trust.block import TrustBlock


class ChangesPeriod(BaseModel):
    """From when to when, by what had been read by then; `period_end`: the day that close dates are pushed across."""

    model_config = ConfigDict(frozen=True)

    start: datetime
    end: datetime
    timezone: str
    clock: Literal["read_at"] = "read_at"
    period_end: date | None


class ChangesAudit(BaseModel):
    """What to know before the figures, the most important first; `notes` say how they are counted."""

    model_config = ConfigDict(frozen=True)

    caveats: list[str]
    notes: list[str]
    pipeline: str | None
    audience: Audience
    generated_at: datetime


class Level(BaseModel):
    """The open pipeline at one end; `amount` is null where it can't be told in this currency."""

    model_config = ConfigDict(frozen=True)

    deals: int
    amount: str | None
    without_amount: int


class BridgeStep(Level):
    """One step that happened.

    `effect`: whether its amounts and deals are added to the opening or taken from it; those of `rate` carry their own
    sign. `without_amount`: deals of the step that have none; of `amount_up` those that had none before it, of
    `amount_down` those that have none after it. A change of the amount leaves the number of deals as it was.
    """

    step: Step
    label: str
    effect: Literal["+", "-"]


class Bridge(BaseModel):
    """From opening to closing, which is exactly opening and the steps; those that did not happen are left out."""

    model_config = ConfigDict(frozen=True)

    currency: str | None
    opening: Level
    steps: list[BridgeStep]
    closing: Level


class WonDifference(BaseModel):
    """Why the report's won differs from the bridge's: how many deals and how much more, or less, it counts so."""

    model_config = ConfigDict(frozen=True)

    reason: str
    text: str
    deals: int
    amounts: list[Amount]


class WonCompared(BaseModel):
    """Won in the bridge, won in the CRM report of the same range as of now, and what leads from one to the other."""

    model_config = ConfigDict(frozen=True)

    in_bridge: DealSum
    in_report: DealSum
    date_basis: Literal["closedate"] = "closedate"
    differences: list[WonDifference]


class ChangedDealRow(BaseModel):
    """One deal of one step. `amount` is what the step adds or takes; days are those of the report's zone.

    Where a client reads the answer, ids, name, owner and link are null.
    """

    model_config = ConfigDict(frozen=True)

    step: str
    deal_id: str | None
    connector_id: str | None
    name: str | None
    read_at: datetime
    pipeline: str
    stage_before: str | None
    stage: str
    owner: str | None
    amount: str | None
    currency: str | None
    amount_home: str | None
    close_date_before: date | None
    close_date: date | None
    link: str | None


class ChangedDeals(BaseModel):
    """One page of the deals, step by step, each step's largest first; `next_page` is None on the last."""

    model_config = ConfigDict(frozen=True)

    step: str | None
    total: int
    page: int
    page_rows: int
    next_page: int | None
    rows: list[ChangedDealRow]


class Changes(BaseModel):
    """What changed in the open pipeline."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    period: ChangesPeriod
    audit: ChangesAudit
    headline: list[str]
    bridges: list[Bridge] = Field(description="by the deals' own currency, the largest pipeline first")
    in_company_currency: Bridge = Field(
        description="all deals; amounts as HubSpot converted them when each version was read, null unless all have one"
    )
    won: WonCompared
    pushed_out: DealSum | None
    pulled_in: DealSum | None
    closed_on_arrival: dict[Literal["won", "lost"], DealSum]
    deals: ChangedDeals
