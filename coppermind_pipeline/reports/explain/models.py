"""Where a number comes from, as every interface shows it; the order of the fields is part of it."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.trust.block import TrustBlock

Cause = Literal["data", "rules", "erasure", "retention"]


class LeadRow(BaseModel):
    """One contact behind a figure; its day is one of the report's zone."""

    model_config = ConfigDict(frozen=True)

    contact_id: str
    connector_id: str
    name: str | None
    lifecycle_stage: str
    source: str
    owner: str
    country: str
    create_date: date | None
    link: str | None


class Explanation(BaseModel):
    """One figure of an answer: what it is, what it is made of, and whether it is the same today."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    figure: str
    metric: Metric | None
    definition: str | None
    arguments: dict[str, Any] = Field(description="what the answer was asked for")
    filters: dict[str, dict[str, Any] | None] = Field(description="by connector, the settings in force for the answer")
    value: Any
    total: int = Field(description="how many deals, or contacts, it is made of")
    rows: list[DealRow] | list[LeadRow]
    next_cursor: str | None
    as_of: datetime
    hash: str = Field(description="of what had been read of these records")
    same_today: bool
    value_today: Any
    changed: list[Cause] = Field(description="why it is another today; empty where it is the same")
    caveats: list[str]
