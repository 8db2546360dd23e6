"""The CRM as it was: records and what they were linked to at an earlier time, rebuilt from the raw log.

Versions of records, and the validity of associations, say what had been read by then; definitions, stages, settings and
filters are today's, so that the figures differ from today's by what happened to the records alone. Hence what nothing
happened to since is as the store has it today: `lay_over_store` rebuilds the rest alone, for those who read deals and
contacts from `DEALS_AS_OF` and `CONTACTS_AS_OF`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import Interpretation
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import copy_rows, load_checkpoint
from coppermind_pipeline.sync.normalizing.attribution import DEAL_COLUMNS, end_of
from coppermind_pipeline.sync.normalizing.normalize import REFERENCED_ONLY, STAGES_SEEN, storable

RECORDS_AS_OF = "records_as_of"

# Deals and contacts of an earlier time, in the columns of `live_deals` and `live_contacts`: see `lay_over_store`.
_AS_OF = """(
    SELECT * FROM {store} AS stored
     WHERE NOT EXISTS (SELECT FROM changed_since AS changed
                        WHERE changed.connector_id = stored.connector_id
                          AND changed.object_type = '{type}' AND changed.hubspot_id = stored.hubspot_id)
    UNION ALL SELECT * FROM {differing})"""
DEALS_AS_OF = _AS_OF.format(store="live_deals", type="deals", differing="deals_that_differ")
CONTACTS_AS_OF = _AS_OF.format(store="live_contacts", type="contacts", differing="contacts_that_differ")

_BATCH_RECORDS = 2_000
_READ_COLUMNS = ("object_type", "hubspot_id", "properties", "archived_at", "read_at", *crm.VALUE_FIELDS)


def rebuild_as_of(
    connection: Connection,
    meanings: Mapping[str, crm.Meaning],
    *,
    as_of: datetime,
    whole: Collection[ObjectType] = (ObjectType.DEALS,),
) -> None:
    """Fill the temporary table `records_as_of`, which has the columns of `hubspot_crm_objects`, until the commit.

    It holds the records of the `whole` types that were live then, deals attributed by the links of then, and of the
    other types those that a deal is linked to. Properties are kept of whole types alone, deals' aside.
    Rows pass through in batches, so that memory does not grow with the portal.

    Args:
        meanings: by connector, what today's definitions, stages, settings and filters say.
        whole: the types of which every record is wanted.
    """
    _make_tables(connection)
    for connector_id, meaning in meanings.items():
        values = {"connector": connector_id, "as_of": as_of}
        connection.execute(text(_EVERYTHING_READ), values)
        _rebuild(connection, values, meaning, whole, with_properties=True)


def lay_over_store(
    connection: Connection, interpretations: Mapping[str, Interpretation], *, as_of: datetime, as_read: bool = False
) -> None:
    """Fill what `DEALS_AS_OF` and `CONTACTS_AS_OF` read beside the store, until the commit.

    That is the deals and contacts that may have been otherwise then, and no others: read, merged away or linked
    otherwise since, not taken up yet, or linked to one of these; all, while the store still follows other rules.

    Args:
        interpretations: by connector, what today's definitions, stages, settings and filters say.
        as_read: records that had ended by then, which was read only later, are there, as they were in the store.
    """
    _make_tables(connection)
    for connector_id, interpretation in interpretations.items():
        values = {"connector": connector_id, "as_of": as_of}
        normalized = load_checkpoint(connection, connector_id, "normalize")
        if normalized.rules == interpretation.digest:
            attributed = load_checkpoint(connection, connector_id, "attribute")
            connection.execute(text(_CHANGED), {**values, "normalized": normalized.seq, "attributed": attributed.seq})
            _note_merged_away(connection, values, interpretation.meaning, normalized.seq)
            connection.execute(text(_LINKED_TO_CHANGED), values)
        else:
            connection.execute(text(_EVERYTHING_READ), values)
        connection.execute(text("ANALYZE changed_since"))
        whole = (ObjectType.DEALS, ObjectType.CONTACTS)
        _rebuild(connection, values, interpretation.meaning, whole, with_properties=False, as_read=as_read)
    for table, store, object_type in _NARROW:
        columns = connection.execute(text(_COLUMNS), {"table": store}).scalar_one()
        connection.execute(text(_NARROWED.format(table=table, columns=columns)), {"type": object_type})


def _note_merged_away(connection: Connection, values: Mapping[str, Any], meaning: crm.Meaning, normalized: int) -> None:
    """Note, as changed, whom the versions after `normalized` tell to be merged away: the store does not know yet."""
    telling = connection.execute(text(_TELLING_OF_MERGES), {**values, "normalized": normalized, "told": _TOLD})
    merges = [
        (row.object_type, loser_id)
        for row in telling
        for loser_id in crm.interpret(
            ObjectType(row.object_type), row.hubspot_id, crm.decode_properties(row.payload), meaning
        ).merged_ids
    ]
    if merges:
        types, losers = zip(*merges, strict=True)
        connection.execute(text(_NOTE_CHANGED), {**values, "types": list(types), "ids": list(losers)})


def _make_tables(connection: Connection) -> None:
    for table in (RECORDS_AS_OF, "changed_since", *(table for table, _, _ in _NARROW)):
        connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table}"))
    connection.execute(
        text(f"CREATE TEMPORARY TABLE {RECORDS_AS_OF} (LIKE hubspot_crm_objects INCLUDING DEFAULTS) ON COMMIT DROP")
    )
    connection.execute(text(_MIND_IS_KNOWN_AND_RECORDS_ARE_UNIQUE))
    connection.execute(text(_CHANGED_SINCE))


def _rebuild(
    connection: Connection,
    values: Mapping[str, Any],
    meaning: crm.Meaning,
    whole: Collection[ObjectType],
    *,
    with_properties: bool,
    as_read: bool = False,
) -> None:
    """Lay out, as they were, the records of one connector in `changed_since`, and what its deals are linked to."""
    for object_type in (ObjectType.DEALS, ObjectType.CONTACTS, ObjectType.COMPANIES):
        keeps_properties = with_properties and object_type in whole and object_type is not ObjectType.DEALS
        losers: list[str] = []
        for wanted in (_EVERY, _LINKED) if object_type in whole else (_LINKED,):
            for rows in _batches(connection, wanted, {**values, "type": object_type.value}):
                losers += _store(connection, values, object_type, rows, meaning, keeps_properties=keeps_properties)
        if losers:
            connection.execute(text(_MERGED), {**values, "type": object_type.value, "losers": losers})
    connection.execute(text(_MERGED_BY_THEN if as_read else _ARCHIVED_SINCE_KNOWN), values)
    connection.execute(text(_LEAVE_OUT_GONE), values)
    for rows in _batches(connection, _LINKS, values):
        _attribute(connection, values, rows)


def _batches(connection: Connection, statement: str, values: Mapping[str, Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield rows by ascending `hubspot_id`, with all rows of one id in one batch."""
    last = ""
    while True:
        rows = connection.execute(text(statement), {**values, "last": last, "most": _BATCH_RECORDS}).all()
        if not rows:
            return
        last = rows[-1].hubspot_id
        yield rows


def _store(
    connection: Connection,
    values: Mapping[str, Any],
    object_type: ObjectType,
    rows: Iterable[Row[Any]],
    meaning: crm.Meaning,
    *,
    keeps_properties: bool,
) -> list[str]:
    """Lay records out as they had been read; return whom they tell to be merged away."""
    losers: list[str] = []
    copied = copy_rows(
        connection,
        like="hubspot_crm_objects",
        columns=_READ_COLUMNS,
        rows=(_interpreted(row, object_type, meaning, losers, keeps_properties=keeps_properties) for row in rows),
    )
    if copied:
        connection.execute(text(_TAKE_IN), values)
    return losers


def _interpreted(
    row: Row[Any], object_type: ObjectType, meaning: crm.Meaning, losers: list[str], *, keeps_properties: bool
) -> tuple[Any, ...]:
    properties = crm.decode_properties(row.payload)
    record = crm.interpret(object_type, row.hubspot_id, properties, meaning)
    losers.extend(record.merged_ids)
    kept = storable(row.payload, properties) if keeps_properties else "{}"
    values = (getattr(record, name) for name in crm.VALUE_FIELDS)
    return (object_type, row.hubspot_id, kept, row.archived_at, row.read_at, *values)


def _attribute(connection: Connection, values: Mapping[str, Any], rows: Iterable[Row[Any]]) -> None:
    attributed = []
    for deal_id, of_deal in groupby(rows, key=lambda row: row.hubspot_id):
        links = list(of_deal)
        found = crm.attribute(links[0].deal_source, [end_of(row) for row in links if row.to_id is not None])
        attributed.append((deal_id, *(getattr(found, name) for name in DEAL_COLUMNS)))
    copy_rows(connection, like="hubspot_crm_objects", columns=("hubspot_id", *DEAL_COLUMNS.values()), rows=attributed)
    connection.execute(text(_NOTE_ATTRIBUTION), values)


_AS_READ = "known.hubspot_id, CAST(newest.payload AS text) AS payload, newest.read_at, newest.archived_at"
_NEWEST = """
CROSS JOIN newest_version(:connector, :type, known.hubspot_id, :as_of) AS newest
ORDER BY known.hubspot_id
"""

# A page ends where nothing more had been read by then, not where a whole page of records had not.
_HAD_BEEN_READ = """EXISTS (SELECT FROM hubspot_raw_records AS version
                            WHERE version.connector_id = :connector AND version.object_type = :type
                              AND version.hubspot_id = {record} AND version.read_at <= :as_of)"""

_EVERY = f"""
SELECT {_AS_READ}
  FROM (SELECT hubspot_id FROM changed_since
         WHERE connector_id = :connector AND object_type = :type AND hubspot_id > :last
           AND {_HAD_BEEN_READ.format(record="changed_since.hubspot_id")}
         ORDER BY hubspot_id LIMIT :most) AS known
{_NEWEST}
"""

_LINKED = f"""
SELECT {_AS_READ}
  FROM (SELECT DISTINCT association.to_id AS hubspot_id
          FROM changed_since AS deal
          JOIN hubspot_associations AS association
            ON association.connector_id = :connector AND association.from_type = 'deals'
           AND association.from_id = deal.hubspot_id
         WHERE deal.connector_id = :connector AND deal.object_type = 'deals'
           AND association.to_type = :type AND association.to_id > :last
           AND association.valid_from <= :as_of AND (association.valid_to IS NULL OR association.valid_to > :as_of)
           AND NOT EXISTS (SELECT FROM {RECORDS_AS_OF} AS laid_out
                            WHERE laid_out.connector_id = :connector AND laid_out.object_type = :type
                              AND laid_out.hubspot_id = association.to_id)
           AND {_HAD_BEEN_READ.format(record="association.to_id")}
         ORDER BY association.to_id LIMIT :most) AS known
{_NEWEST}
"""

_CHANGED_SINCE = """
CREATE TEMPORARY TABLE changed_since (
    connector_id text, object_type text, hubspot_id text, PRIMARY KEY (connector_id, object_type, hubspot_id)
) ON COMMIT DROP
"""

_EVERYTHING_READ = """
INSERT INTO changed_since
SELECT DISTINCT connector_id, object_type, hubspot_id FROM hubspot_raw_records WHERE connector_id = :connector
"""

# Versions that were read since, or are not normalized, or not attributed by yet; and who was merged away since.
_CHANGED = """
INSERT INTO changed_since
SELECT connector_id, object_type, hubspot_id FROM hubspot_raw_records
 WHERE connector_id = :connector AND read_at > :as_of
UNION
SELECT connector_id, object_type, hubspot_id FROM hubspot_raw_records
 WHERE connector_id = :connector AND seq > :normalized
UNION
SELECT connector_id, object_type, hubspot_id FROM hubspot_crm_objects
 WHERE connector_id = :connector AND change_seq > :attributed
UNION
SELECT connector_id, object_type, loser_id FROM hubspot_merges WHERE connector_id = :connector AND found_at > :as_of
"""

# Few do. As text, which may hold what no value of the database can.
_TELLING_OF_MERGES = """
SELECT object_type, hubspot_id, CAST(payload AS text) AS payload
  FROM hubspot_raw_records
 WHERE connector_id = :connector AND seq > :normalized
   AND CAST(payload AS text) ~ :told
"""
_TOLD = rf'"({"|".join(crm.MERGE_PROPERTIES)})"\s*:\s*"'

_NOTE_CHANGED = """
INSERT INTO changed_since
SELECT :connector, * FROM unnest(CAST(:types AS text[]), CAST(:ids AS text[]))
ON CONFLICT DO NOTHING
"""

# A deal has its source and place from what it is linked to, and who survives a merge says whom it has absorbed.
_LINKED_TO_CHANGED = """
INSERT INTO changed_since
SELECT connector_id, from_type, from_id FROM hubspot_associations
 WHERE connector_id = :connector AND from_type = 'deals' AND (valid_from > :as_of OR valid_to > :as_of)
UNION
SELECT connector_id, association.from_type, association.from_id
  FROM changed_since AS changed
  JOIN hubspot_associations AS association USING (connector_id)
 WHERE connector_id = :connector AND association.from_type = 'deals'
   AND association.to_type = changed.object_type AND association.to_id = changed.hubspot_id
UNION
SELECT connector_id, object_type, merge.survivor_id
  FROM changed_since AS changed
  JOIN hubspot_merges AS merge USING (connector_id, object_type)
 WHERE connector_id = :connector AND merge.loser_id = changed.hubspot_id AND merge.survivor_id IS NOT NULL
ON CONFLICT DO NOTHING
"""

# Of what was laid out, that which differs, in the columns of the store's narrow tables.
_NARROW = (("deals_that_differ", "live_deals", "deals"), ("contacts_that_differ", "live_contacts", "contacts"))
_NARROWED = f"""
CREATE TEMPORARY TABLE {{table}} ON COMMIT DROP AS
SELECT {{columns}}
  FROM {RECORDS_AS_OF}
  JOIN changed_since USING (connector_id, object_type, hubspot_id)
 CROSS JOIN contact_stages(lifecycle_stage, stages_entered, stages_entered_at, stages_seen, stages_seen_at)
 WHERE object_type = :type
"""
_COLUMNS = """
SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
 WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped
"""

_MIND_IS_KNOWN_AND_RECORDS_ARE_UNIQUE = f"""
ALTER TABLE {RECORDS_AS_OF}
    ALTER mind_id DROP NOT NULL, ADD PRIMARY KEY (connector_id, object_type, hubspot_id)
"""

_TAKE_IN = f"""{STAGES_SEEN.format(until=", :as_of")}
INSERT INTO {RECORDS_AS_OF} (connector_id, referenced_only, {", ".join(_READ_COLUMNS)}, stages_seen, stages_seen_at)
SELECT :connector, {REFERENCED_ONLY}, {", ".join(f"incoming.{column}" for column in _READ_COLUMNS)},
       coalesce(seen.stages, '{{}}'), coalesce(seen.stages_at, '{{}}')
  FROM incoming
  LEFT JOIN seen ON seen.object_type = incoming.object_type AND seen.hubspot_id = incoming.hubspot_id
"""

# What is known of a record's end by other ways than a version of it.
_ARCHIVED_SINCE_KNOWN = f"""
UPDATE {RECORDS_AS_OF} AS record SET archived_at = stored.archived_at
  FROM hubspot_crm_objects AS stored
 WHERE record.connector_id = :connector AND stored.connector_id = :connector
   AND stored.object_type = record.object_type AND stored.hubspot_id = record.hubspot_id
   AND stored.archived_at <= :as_of
"""

_MERGED_BY_THEN = f"""
UPDATE {RECORDS_AS_OF} AS record SET archived_at = merge.found_at
  FROM hubspot_merges AS merge
 WHERE record.connector_id = :connector AND merge.connector_id = :connector
   AND record.object_type = merge.object_type AND record.hubspot_id = merge.loser_id AND merge.found_at <= :as_of
"""

_LEAVE_OUT_GONE = f"DELETE FROM {RECORDS_AS_OF} WHERE connector_id = :connector AND archived_at IS NOT NULL"

_MERGED = f"""
UPDATE {RECORDS_AS_OF} SET archived_at = coalesce(archived_at, :as_of)
 WHERE connector_id = :connector AND object_type = :type AND hubspot_id = ANY(:losers)
"""

_LINKS = f"""
SELECT deal.hubspot_id, deal.source AS deal_source, linked.object_type AS to_type, linked.hubspot_id AS to_id,
       coalesce({crm.PRIMARY_COMPANY_TYPE_ID} = ANY(association.type_ids), false) AS is_primary, linked.created_at,
       linked.source, linked.filtered_reason, linked.country_code, linked.country_text, linked.region, linked.city
  FROM (SELECT * FROM {RECORDS_AS_OF}
         WHERE connector_id = :connector AND object_type = 'deals' AND hubspot_id > :last
         ORDER BY hubspot_id LIMIT :most) AS deal
  LEFT JOIN hubspot_associations AS association
    ON association.connector_id = :connector AND association.from_type = 'deals'
   AND association.from_id = deal.hubspot_id AND association.valid_from <= :as_of
   AND (association.valid_to IS NULL OR association.valid_to > :as_of)
  LEFT JOIN {RECORDS_AS_OF} AS linked
    ON linked.connector_id = :connector AND linked.object_type = association.to_type
   AND linked.hubspot_id = association.to_id
 ORDER BY deal.hubspot_id
"""

_NOTE_ATTRIBUTION = f"""
UPDATE {RECORDS_AS_OF} AS deal
   SET ({", ".join(DEAL_COLUMNS.values())}) = ROW({", ".join(f"incoming.{column}" for column in DEAL_COLUMNS.values())})
  FROM incoming
 WHERE deal.connector_id = :connector AND deal.object_type = 'deals' AND deal.hubspot_id = incoming.hubspot_id
"""
