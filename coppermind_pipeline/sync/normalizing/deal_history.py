"""Deals as they came to be read, version by version: what changed since a time, and what each deal was before.

State at a time is what had been read by then. Definitions, stages, settings and filters are today's, as in the CRM of
an earlier time (`as_of.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from coppermind_pipeline import crm
from coppermind_pipeline.object_types import ObjectType

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class DealVersion:
    """A deal as it was from the moment at which that was read.

    Attributes:
        read_at: when it was read, or found out to be merged into another.
        is_live: HubSpot had it: neither archived nor merged away by then.
        deal: what its properties said.
    """

    read_at: datetime
    is_live: bool
    deal: crm.NormalizedRecord


@dataclass(frozen=True, slots=True)
class DealHistory:
    """What had been read of one deal by the start of a range, if anything, and each version that was read in it."""

    hubspot_id: str
    before: DealVersion | None
    versions: tuple[DealVersion, ...]


def deal_histories(
    connection: Connection, connector_id: str, meaning: crm.Meaning, *, since: datetime, until: datetime
) -> Iterator[DealHistory]:
    """Yield every deal of which anything was read after `since`, or is not normalized yet; rows pass in batches.

    All others are today, in the reporting store, what they were then.

    Args:
        connection: a transaction of the connector's mind; nothing else runs in it while this does.
        meaning: what today's definitions, stages, settings and filters say.
        until: versions that were read later are left out; the deal itself is not.
    """
    values = {"connector": connector_id, "since": since, "until": until}
    rows = connection.execute(text(_VERSIONS), values, execution_options={"yield_per": _ROWS_AT_ONCE})
    for hubspot_id, of_deal in groupby(rows, key=lambda row: row.hubspot_id):
        versions = list(_versions(hubspot_id, of_deal, meaning, until))
        later = tuple(version for version in versions if version.read_at > since)
        yield DealHistory(
            hubspot_id, before=next(reversed(versions[: len(versions) - len(later)]), None), versions=later
        )


def any_deal_changed(connection: Connection, connector_id: str, *, since: datetime) -> bool:
    """Say whether `deal_histories` would yield any."""
    return bool(connection.scalar(text(_ANY_CHANGED), {"connector": connector_id, "since": since}))


def read_after(connection: Connection, connector_id: str, seq: int) -> datetime | None:
    """Return when the first version was read that came after a change; None where none has come."""
    return connection.scalar(text(_READ_AFTER), {"connector": connector_id, "seq": seq})


def erased_since(connection: Connection, connector_id: str, since: datetime) -> bool:
    """Say whether anybody was erased for privacy since."""
    return bool(connection.scalar(text(_ERASED_SINCE), {"connector": connector_id, "since": since}))


def _versions(
    hubspot_id: str, rows: Iterator[Row[Any]], meaning: crm.Meaning, until: datetime
) -> Iterator[DealVersion]:
    """Yield the versions; once it is known to be merged away, which may be no version of its own, it is not live."""
    last, merged_at = None, None
    for row in rows:
        merged_at = row.merged_at if row.merged_at is not None and row.merged_at <= until else None
        if row.read_at is None:
            continue
        deal = crm.interpret(ObjectType.DEALS, hubspot_id, crm.decode_properties(row.payload), meaning)
        if last is not None and merged_at is not None and last.read_at < merged_at < row.read_at:
            yield DealVersion(merged_at, is_live=False, deal=last.deal)
        is_merged = merged_at is not None and merged_at <= row.read_at
        last = DealVersion(row.read_at, is_live=row.archived_at is None and not is_merged, deal=deal)
        yield last
    if last is not None and merged_at is not None and merged_at > last.read_at:
        yield DealVersion(merged_at, is_live=False, deal=last.deal)


# A version that took other values since has a new sequence number, and is no news.
_READ_AFTER = """
SELECT min(read_at) FROM hubspot_raw_records WHERE connector_id = :connector AND seq > :seq AND version > :seq
"""

_ERASED_SINCE = """
SELECT EXISTS (SELECT FROM hubspot_crm_objects
                WHERE connector_id = :connector AND object_type = 'contacts' AND archived_reason = 'erased'
                  AND archived_at >= :since)
"""

_CHANGED = """
    SELECT hubspot_id FROM hubspot_raw_records
     WHERE connector_id = :connector AND object_type = 'deals' AND read_at > :since
    UNION
    SELECT hubspot_id FROM hubspot_raw_records
     WHERE connector_id = :connector AND object_type = 'deals'
       AND seq > (SELECT coalesce(max(seq), 0) FROM checkpoints WHERE connector_id = :connector AND stage = 'normalize')
    UNION
    SELECT loser_id FROM hubspot_merges
     WHERE connector_id = :connector AND object_type = 'deals' AND found_at > :since
"""

_ANY_CHANGED = f"SELECT EXISTS ({_CHANGED})"

# The last version before the range stands for what the deal was; of those in it each counts.
_VERSIONS = f"""
WITH changed AS MATERIALIZED ({_CHANGED})
SELECT changed.hubspot_id, version.read_at, version.archived_at, CAST(version.payload AS text) AS payload,
       merge.found_at AS merged_at
  FROM changed
  LEFT JOIN LATERAL (
       SELECT before.* FROM newest_version(:connector, 'deals', changed.hubspot_id, :since) AS before
       UNION ALL
       SELECT read.* FROM hubspot_raw_records AS read
        WHERE read.connector_id = :connector AND read.object_type = 'deals' AND read.hubspot_id = changed.hubspot_id
          AND read.read_at > :since AND read.read_at <= :until
       OFFSET 0) AS version ON true
  LEFT JOIN hubspot_merges AS merge
    ON merge.connector_id = :connector AND merge.object_type = 'deals' AND merge.loser_id = changed.hubspot_id
 ORDER BY changed.hubspot_id, version.version
"""
