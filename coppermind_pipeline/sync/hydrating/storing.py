"""Storing hydrated records: into the raw log, with what is known of values that could not be read."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.store import analyze_grown_tables
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.polls import count_pulled
from coppermind_pipeline.sync.raw.kept_values import keep_stored_values
from coppermind_pipeline.sync.raw.records import append_records
from coppermind_pipeline.sync.raw.skipped import note_skipped


def store_records(
    connection: Connection,
    context: SyncContext,
    records: Sequence[Record],
    hydrator: Hydrator,
    *,
    asked: Collection[str] = (),
) -> None:
    """Append hydrated records to the raw log and count what was new of them, in the caller's transaction.

    Args:
        connection: the caller's.
        context: whose records these are.
        records: what HubSpot answered with, or what its search said where it had no answer.
        hydrator: what read them.
        asked: further ids that HubSpot was asked for, and has answered where `hydrator` does not say otherwise.
    """
    partial = [record for record in records if record.is_partial]
    note_skipped(
        connection,
        context.scope,
        hydrator.object_type,
        failed=hydrator.failed.union(record.id for record in partial),
        answered=[*asked, *(record.id for record in records)],
    )
    if not records:
        return
    properties = hydrator.properties
    if properties.left_out:
        records = keep_stored_values(connection, context.scope, hydrator.object_type, records, properties.left_out)
    if partial:
        not_searched = frozenset(properties.full).difference(properties.searched)
        kept = keep_stored_values(connection, context.scope, hydrator.object_type, partial, not_searched)
        records = [*(record for record in records if not record.is_partial), *kept]
    appended = append_records(
        connection,
        context.scope,
        hydrator.object_type,
        records,
        definitions_hash=properties.digest,
        calculated=properties.calculated,
    )
    count_pulled(connection, context.scope, hydrator.object_type, appended)
    analyze_grown_tables(connection)
