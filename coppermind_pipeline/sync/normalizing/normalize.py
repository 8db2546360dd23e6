"""Normalization: from the raw log to `hubspot_crm_objects`, without HubSpot, as often as one likes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import load_interpretation, note_applied
from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.garbage_collection import rare_collections
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope, analyze_grown_tables, copy_rows, load_checkpoint, move_checkpoint
from coppermind_pipeline.sync.concurrency import one_ahead
from coppermind_pipeline.sync.context import Progress, unheard
from coppermind_pipeline.sync.normalizing.config_problems import note_config_problems
from coppermind_pipeline.sync.normalizing.filtering import filter_again
from coppermind_pipeline.sync.normalizing.merges import Merge, record_merges

BATCH_RECORDS = 1_000

_interpreted = attrgetter(*crm.VALUE_FIELDS)
_COLUMNS = (
    *("object_type", "hubspot_id", "properties", "archived_at", "archived_reason", "read_at", "malformed"),
    *crm.VALUE_FIELDS,
)
_KEY = ("object_type", "hubspot_id")


@dataclass(slots=True)
class Normalized:
    """What a normalization did: versions read from the raw log, rows that were new or changed, values not readable."""

    read: int = 0
    changed: int = 0
    malformed: int = 0

    def __add__(self, later: "Normalized") -> "Normalized":
        return Normalized(self.read + later.read, self.changed + later.changed, self.malformed + later.malformed)


@rare_collections()
def normalize(
    database: Database, connector: Connector, *, on_progress: Callable[[Progress], None] = unheard
) -> Normalized:
    """Bring the normalized records up to date with the raw log.

    Takes up the versions that came since the last time. Where anything else that the outcome depends on has changed
    (definitions, stages, configuration, the rules themselves) it takes up the newest version of every record; where
    that is the filters alone, it filters the stored records again. Rows and the stage's checkpoint commit together,
    batch by batch; a row that does not change is not written.
    """
    scope = connector.scope
    with database.mind(connector.mind_id) as connection:
        interpretation = load_interpretation(connection, connector.id, connector.config.of_records)
        reached = load_checkpoint(connection, connector.id, "normalize")
        rules_changed = reached.rules not in {"", interpretation.digest}
        note_config_problems(connection, connector, interpretation.meaning)
        if not rules_changed:
            note_applied(connection, connector.id, interpretation)
    done = Normalized()
    if interpretation.differs_in_filters_alone(reached.rules):
        filters = interpretation.meaning.filters
        done.read, done.changed = filter_again(database, connector, filters, on_progress=on_progress)
        return _with_news(database, connector, interpretation.digest, reached.seq, done, on_progress=on_progress)
    batches = _every_record(database, connector) if rules_changed else _news(database, connector, reached.seq)
    interpreted = ((_interpret(rows, interpretation.meaning), seq) for rows, seq in batches)
    for batch, seq in one_ahead(interpreted):
        with database.mind(connector.mind_id) as connection:
            _store(connection, scope, batch, done)
            if not rules_changed:
                move_checkpoint(connection, scope.connector_id, "normalize", seq, rules=interpretation.digest)
            analyze_grown_tables(connection)
        on_progress(Progress("normalize", done.read))
    if rules_changed:
        return _with_news(database, connector, interpretation.digest, reached.seq, done, on_progress=on_progress)
    return done


def _with_news(
    database: Database,
    connector: Connector,
    digest: str,
    seq: int,
    done: Normalized,
    *,
    on_progress: Callable[[Progress], None],
) -> Normalized:
    """Note that all stored records follow the new rules, and take up what came besides."""
    # Only now: a run that was cut short must take up every record again.
    with database.mind(connector.mind_id) as connection:
        move_checkpoint(connection, connector.id, "normalize", seq, rules=digest)
    return done + normalize(database, connector, on_progress=on_progress)


def _news(database: Database, connector: Connector, seq: int) -> Iterator[tuple[Sequence[Row[Any]], int]]:
    """Yield the versions that came after `seq`, in the order in which they came, and the sequence number reached."""
    while True:
        with database.mind(connector.mind_id) as connection:
            rows = connection.execute(_NEXT_VERSIONS, connector.scope.values(seq=seq, most=BATCH_RECORDS)).all()
        if not rows:
            return
        seq = rows[-1].seq
        newest = {(row.object_type, row.hubspot_id): row for row in rows}
        yield list(newest.values()), seq


_NEXT_VERSIONS = text(
    """SELECT object_type, hubspot_id, seq, CAST(payload AS text) AS payload, read_at,
              archived_at, archived_reason
         FROM hubspot_raw_records
        WHERE connector_id = :connector AND seq > :seq ORDER BY seq LIMIT :most"""
)


def _every_record(database: Database, connector: Connector) -> Iterator[tuple[Sequence[Row[Any]], int]]:
    """Yield the newest version of every record that is normalized already."""
    last = ("", "")
    while True:
        with database.mind(connector.mind_id) as connection:
            rows = connection.execute(
                _NEWEST_VERSIONS, connector.scope.values(type=last[0], id=last[1], most=BATCH_RECORDS)
            ).all()
        if not rows:
            return
        last = (rows[-1].object_type, rows[-1].hubspot_id)
        yield rows, 0


_NEWEST_VERSIONS = text(
    """SELECT known.object_type, known.hubspot_id, 0 AS seq, CAST(newest.payload AS text) AS payload, newest.read_at,
              newest.archived_at, newest.archived_reason
         FROM (SELECT object_type, hubspot_id FROM hubspot_crm_objects
                WHERE connector_id = :connector AND (object_type, hubspot_id) > (:type, :id)
                ORDER BY object_type, hubspot_id LIMIT :most) AS known
         CROSS JOIN newest_version(:connector, known.object_type, known.hubspot_id) AS newest
        ORDER BY known.object_type, known.hubspot_id"""
)


@dataclass(slots=True)
class _Batch:
    """Records as they are to be stored, and what else their values say."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    malformed: int = 0


def _interpret(rows: Iterable[Sequence[Any]], meaning: crm.Meaning) -> _Batch:
    batch = _Batch()
    for type_name, hubspot_id, _, payload, read_at, archived_at, archived_reason in rows:
        properties = crm.decode_properties(payload)
        object_type = ObjectType(type_name)
        record = crm.interpret(object_type, hubspot_id, properties, meaning)
        batch.merges.extend(Merge(object_type, loser_id, hubspot_id) for loser_id in record.merged_ids)
        batch.malformed += len(record.malformed)
        batch.rows.append(
            (
                object_type,
                hubspot_id,
                storable(payload, properties),
                archived_at,
                archived_reason or ("archived" if archived_at else None),
                read_at,
                list(record.malformed),
                *_interpreted(record),
            )
        )
    return batch


def _store(connection: Connection, scope: Scope, batch: _Batch, done: Normalized) -> None:
    record_merges(connection, scope, batch.merges)
    copy_rows(connection, like="hubspot_crm_objects", columns=_COLUMNS, rows=batch.rows)
    done.read += len(batch.rows)
    done.malformed += batch.malformed
    done.changed += connection.execute(_STORE, scope.values()).rowcount


# Outside the window, and here because a deal is associated with it.
REFERENCED_ONLY = """
    incoming.object_type <> 'deals'
    AND coalesce(modified_at < (SELECT since FROM hubspot_backfills WHERE connector_id = :connector), false)"""

# A record that was merged away counts nowhere and leads to who lives on, unless it was erased, which leaves no trace.
_AS_MERGED = {
    "archived_at": "coalesce(incoming.archived_at, merge.found_at)",
    "archived_reason": """CASE WHEN incoming.archived_reason = 'erased' OR merge.survivor_id IS NULL
                               THEN incoming.archived_reason ELSE 'merged' END""",
    "merged_into": "CASE WHEN incoming.archived_reason IS DISTINCT FROM 'erased' THEN merge.survivor_id END",
}

# Asked where it can be more than the date that HubSpot gives for a contact's own stage; by itself, as what is joined to
# every row is called for every row.
STAGES_SEEN = """
    WITH seen AS MATERIALIZED (
        SELECT incoming.object_type, incoming.hubspot_id, found.stages, found.stages_at
          FROM incoming
         CROSS JOIN stages_seen(:connector, incoming.hubspot_id, incoming.created_at, incoming.stages_entered{until})
                 AS found
         WHERE incoming.object_type = 'contacts'
           AND (incoming.lifecycle_stage <> ALL (incoming.stages_entered)
                OR EXISTS (SELECT FROM hubspot_raw_records AS version
                            WHERE version.connector_id = :connector AND version.object_type = 'contacts'
                              AND version.hubspot_id = incoming.hubspot_id OFFSET 1)))"""
_AS_SEEN = {"stages_seen": "coalesce(seen.stages, '{}')", "stages_seen_at": "coalesce(seen.stages_at, '{}')"}

_OTHERWISE = _AS_MERGED | _AS_SEEN
_STORED_COLUMNS = (*_COLUMNS, "merged_into", *_AS_SEEN)
_CHANGING = [column for column in _STORED_COLUMNS if column not in {*_KEY, "read_at"}]

_STORE = text(
    f"""{STAGES_SEEN.format(until="")}
        INSERT INTO hubspot_crm_objects AS stored
               (connector_id, mind_id, referenced_only, {", ".join(_STORED_COLUMNS)})
        SELECT :connector, :mind, {REFERENCED_ONLY},
               {", ".join(_OTHERWISE.get(column, f"incoming.{column}") for column in _STORED_COLUMNS)}
          FROM incoming
          LEFT JOIN hubspot_merges AS merge
            ON merge.connector_id = :connector AND merge.object_type = incoming.object_type
           AND merge.loser_id = incoming.hubspot_id
          LEFT JOIN seen ON seen.object_type = incoming.object_type AND seen.hubspot_id = incoming.hubspot_id
        ON CONFLICT (connector_id, object_type, hubspot_id) DO UPDATE
           SET (referenced_only, change_seq, read_at, {", ".join(_CHANGING)})
             = ROW(excluded.referenced_only, excluded.change_seq, excluded.read_at,
                   {", ".join(f"excluded.{column}" for column in _CHANGING)})
         WHERE (stored.referenced_only, {", ".join(f"stored.{column}" for column in _CHANGING)})
               IS DISTINCT FROM
               (excluded.referenced_only, {", ".join(f"excluded.{column}" for column in _CHANGING)})"""
)


def storable(payload: str, properties: Mapping[str, str | None]) -> str:
    """Return the properties as jsonb can hold them; nearly always they are so already."""
    if "\\u" not in payload or ("\\u0000" not in payload and "\\ud" not in payload):
        return payload
    return orjson.dumps({name: value and crm.storable_text(value) for name, value in properties.items()}).decode()
