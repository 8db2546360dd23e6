"""The brief as every interface shows it; the order of the fields is part of it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.models import ComparedPeriod, PanoramicReport
from coppermind_pipeline.reports.trust.block import TrustBlock


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class BriefPeriod(_Part):
    """What the brief is of, both days included, and what it is compared with."""

    first_day: date
    last_day: date
    so_far: bool
    timezone: str
    compared_with: ComparedPeriod


class Value(_Part):
    """A figure in words, what it was in the earlier range, and the difference; each empty where it can't be told."""

    now: str
    before: str
    change: str


class BriefNumber(_Part):
    """One of the numbers at the top, `values` one for each currency.

    `metric` is its id in the catalogue; null for one of the lead report, which says itself how it counts.
    """

    metric: str | None
    name: str
    values: list[Value]
    more_currencies: int = 0


class BriefMonth(_Part):
    """What was won in a month, null while it lies ahead, and in the same month of the year before."""

    first_day: date
    closed_won: DealSum | None
    year_before: DealSum


class BriefSource(_Part):
    """What was won by one source; several small ones are added up last."""

    source: str
    closed_won: DealSum
    before: DealSum


class BriefLoss(_Part):
    """How many deals were lost for one kind of reason, and their share of all lost deals."""

    theme: str
    deals: int
    share: str


class BriefLevel(_Part):
    """The open pipeline at one end of the range; `amount` is null where it can't be told."""

    deals: int
    amount: str | None


class BriefStep(BriefLevel):
    """Something that made the open pipeline larger (`+`) or smaller (`-`)."""

    label: str
    effect: Literal["+", "-"]


class BriefChange(_Part):
    """How the open pipeline went from its opening to its closing; `steps` are the largest, in their order.

    In the company currency where all amounts are known in it, else in that of most deals.
    """

    currency: str | None
    opening: BriefLevel
    steps: list[BriefStep]
    closing: BriefLevel
    further_steps: int
    other_currencies: int


class Brief(_Part):
    """One page for a client. `caveats` are the most important, `further_caveats` how many a report has besides.

    `report` is what it was made of, and what its charts are drawn from.
    """

    trust: TrustBlock
    period: BriefPeriod
    agency: str | None
    numbers: list[BriefNumber]
    months: list[BriefMonth]
    sources: list[BriefSource]
    losses: list[BriefLoss]
    changed: BriefChange | None = Field(description="null: it is not known that far back")
    caveats: list[str]
    further_caveats: int
    as_of: datetime | None = Field(description="end of the last complete sync; null: there was none yet")
    generated_at: datetime
    report: PanoramicReport = Field(exclude=True)


class RenderedBrief(_Part):
    """A brief in a format other than json, behind what is to be known before it."""

    trust: TrustBlock
    caveats: list[str]
    format: str
    content: str
