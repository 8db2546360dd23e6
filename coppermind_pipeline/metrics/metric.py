"""What is said of a figure."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

# The dates of a deal that a report counts by, the default first.
DATE_BASES = (
    "closedate",
    "hs_closed_won_date",
    "date_entered_closed_won",
    "date_entered_current_stage",
    "hs_lastmodifieddate",
)


class Unit(StrEnum):
    """What a figure is in; money is per currency."""

    COUNT = "count"
    MONEY = "money"
    RATE = "rate"
    DAYS = "days"


class Clock(StrEnum):
    """What of time decides a figure: the range that is asked for, or a moment, whatever the range."""

    IN_RANGE = "in_range"
    NOW = "now"
    AS_OF = "as_of"


class Comparison(StrEnum):
    """How two ranges of a figure are compared; what knows no range is not."""

    PERCENT = "difference_and_percent"
    POINTS = "percentage_points"
    DIFFERENCE = "difference"
    NONE = "none"


class Face(StrEnum):
    """Where a figure is shown."""

    CRM_REPORT = "crm_report"
    STATUS = "status"
    SYNTHESIS = "synthesis"


class Metric(BaseModel):
    """One figure.

    Attributes:
        view: the SQL view that a mind's reader counts it by; None where it has none.
        shown_in: its path in each answer that holds it; in a synthesis, in the figures that are stored.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    label: str
    definition: str = Field(description="what it is, in one sentence")
    unit: Unit
    population: str = Field(description="the records that are looked at")
    denominator: str | None = Field(default=None, description="what it is a part of, or divided by")
    clock: Clock
    date_bases: tuple[str, ...] = Field(default=(), description="the dates it can be counted by; empty: by none")
    comparison: Comparison
    hubspot_properties: tuple[str, ...]
    doubtful_when: str
    view: str | None = Field(default=None, description="the SQL view of it, for a mind's reader")
    shown_in: Mapping[Face, str] = Field(description="where each answer holds it")
