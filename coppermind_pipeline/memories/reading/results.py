"""Memories as callers get them: with where each comes from, and in answers of a bounded size."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.catalog import record_url
from coppermind_pipeline.memories.memory_types import MemoryType, Sensitivity
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import cut

# An answer of a tool stays under 20 KB; the rest is for what a higher room puts around the memories.
ANSWER_BYTES_MAX = 14_000
CONTENT_CHARS_MAX = 6_000


class Provenance(BaseModel):
    """Where a memory comes from."""

    model_config = ConfigDict(frozen=True)

    connector_id: str
    portal_id: int | None = Field(description="HubSpot's id of the portal")
    object_type: ObjectType | None = Field(description="null for an aggregate")
    record_id: str | None = Field(description="HubSpot's id of the record; null for an aggregate")
    url: str | None = Field(description="the record's page in HubSpot; null for an aggregate or an unknown host")
    as_of: datetime | None = Field(description="when HubSpot was read for what the memory says")
    aggregate_connector_id: str | None = Field(description="whose records an aggregate speaks of; null for a record")
    aggregate_period_key: str | None = Field(description="such as 2026-W47 or 2026-11; null for a record")
    aggregate_scope: str | None = Field(description="such as channel_mix; null for a record")
    aggregate_thresholds: dict[str, float] | None = Field(
        description="what a rate had to pass before an aggregate calls it strongest, worst, above or below the rest"
    )


class Memory(BaseModel):
    """One readable text with its kind and its provenance."""

    model_config = ConfigDict(frozen=True)

    id: int
    type: MemoryType
    sensitivity: Sensitivity
    content: str
    source_ref: str
    provenance: Provenance
    created_at: datetime
    superseded_at: datetime | None
    retired_at: datetime | None
    retired_reason: str | None


class Found(BaseModel):
    """The memories that a search found, best first.

    `did_you_mean` maps misspelt words of the query to what was searched for instead; `more` says that the answer's size
    left some out. `ranked_max`: more memories match than that, and no more than that were compared; null: all were.
    """

    model_config = ConfigDict(frozen=True)

    memories: tuple[Memory, ...]
    did_you_mean: dict[str, str] = {}
    more: bool = False
    ranked_max: int | None = None


class Listed(BaseModel):
    """A page of memories, newest first; `next_before` asks for the next page, and is null on the last."""

    model_config = ConfigDict(frozen=True)

    memories: tuple[Memory, ...]
    next_before: int | None = None


def memory_from_row(row: Any) -> Memory:
    """Return a row of `MEMORY_ROWS` as a memory."""
    object_type = ObjectType(row.object_type) if row.object_type is not None else None
    return Memory(
        id=row.id,
        type=MemoryType(row.type),
        sensitivity=Sensitivity(row.sensitivity),
        content=cut(row.content, CONTENT_CHARS_MAX),
        source_ref=row.source_ref,
        provenance=Provenance(
            connector_id=row.connector_id,
            portal_id=row.hub_id,
            object_type=object_type,
            record_id=row.hubspot_id,
            url=record_url(row.ui_domain, row.hub_id, object_type, row.hubspot_id) if object_type else None,
            as_of=row.as_of,
            aggregate_connector_id=row.connector_id if row.aggregate_scope is not None else None,
            aggregate_period_key=row.aggregate_period_key,
            aggregate_scope=row.aggregate_scope,
            aggregate_thresholds=row.aggregate_thresholds,
        ),
        created_at=row.created_at,
        superseded_at=row.superseded_at,
        retired_at=row.retired_at,
        retired_reason=row.retired_reason,
    )


def within_answer(memories: Iterable[Memory]) -> tuple[Memory, ...]:
    """Return as many of the memories, in their order, as an answer may hold; always the first."""
    kept: list[Memory] = []
    left = ANSWER_BYTES_MAX
    for memory in memories:
        left -= len(memory.model_dump_json().encode())
        if left < 0 and kept:
            break
        kept.append(memory)
    return tuple(kept)


MEMORY_ROWS = """
SELECT memory.id, memory.type, memory.sensitivity, memory.content, memory.source_ref, memory.connector_id,
       memory.object_type, memory.hubspot_id, memory.as_of, memory.aggregate_period_key, memory.aggregate_scope,
       memory.aggregate_thresholds,
       memory.created_at, memory.superseded_at, memory.retired_at, memory.retired_reason,
       portal.hub_id, portal.ui_domain
  FROM memory_versions AS memory
  JOIN portals AS portal ON portal.connector_id = memory.connector_id
"""
