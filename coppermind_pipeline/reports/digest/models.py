"""The digest as every interface shows it; the order of the fields is part of it."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.connectors import Freshness
from coppermind_pipeline.reports.figures.measures import DealSum


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Need(_Part):
    """What a person is needed for in one connector."""

    connector_id: str
    state: str
    what_to_do: str


class MindDigest(_Part):
    """One mind. `state` is that of its connector that is worst off; `not_connected` where it has none."""

    mind: str
    mind_id: UUID
    state: str
    needs: list[Need] = Field(description="what needs a person; empty: nothing does")
    freshness: Freshness | None = Field(description="of all its portals together; null: none was ever approved")
    last_successful_sync: datetime | None
    won: DealSum = Field(description="won deals whose close date is in the range, as crm_report counts them")
    lost: DealSum
    worth_a_look: list[str] = Field(
        description="changes of the open pipeline since then; empty: none that matters, or it is not known"
    )
    synthesis_period: str | None = Field(description="the newest period that synthesis has worked on")
    synthesis_due: bool = Field(description="a period is due that has not been published")
    synthesis_due_at: datetime | None


class Digest(_Part):
    """All minds of one customer, worst first.

    `minds` are those from a place on; `next_cursor` asks for those after, and is null on the last page.
    """

    since: date
    until: date = Field(description="the day of the digest, itself included")
    minds_in_all: int
    needing_a_person: int
    paused_since: datetime | None = Field(description="the installation polls nothing until it is resumed")
    polling_stopped_since: datetime | None
    minds: list[MindDigest]
    next_cursor: str | None
    generated_at: datetime


class RenderedDigest(_Part):
    """A digest in a format other than json."""

    format: str
    content: str
    next_cursor: str | None
