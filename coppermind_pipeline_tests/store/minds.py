"""Two minds of one customer, with a row in every table that holds a mind's data."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from coppermind_pipeline.store import Database

# One row per table that holds a mind's data; the connector's own row comes first, the rest refer to it.
ROWS = {
    "connectors": "(id, mind_id, customer_id) VALUES (:connector, :mind, :customer)",
    "connector_credentials": "VALUES (:connector, :mind, 'k', 'a', 'r', now(), '{}')",
    "oauth_states": "(state_hash, connector_id, mind_id, customer_id, expires_at) "
    "VALUES (:connector::text::bytea, :connector, :mind, :customer, now())",
    "connector_events": "(connector_id, mind_id, severity, code, message) VALUES (:connector, :mind, 'info', 'c', 'm')",
    "connector_problems": "(connector_id, mind_id, kind, code, message) VALUES (:connector, :mind, 'auth', 'c', 'm')",
    "hubspot_polls": "(connector_id, mind_id) VALUES (:connector, :mind)",
    "hubspot_backfills": "(connector_id, mind_id, since, started_at) VALUES (:connector, :mind, now(), now())",
    "hubspot_cursors": "(connector_id, mind_id, object_type, scan) VALUES (:connector, :mind, 'deals', 'backfill')",
    "hubspot_hydrations": "(connector_id, mind_id, object_type, error) VALUES (:connector, :mind, 'deals', 'e')",
    "hubspot_reference_reads": "(connector_id, mind_id, kind, digest) VALUES (:connector, :mind, 'deals', 'd')",
    "pipeline_stages": "(connector_id, mind_id, stage, applied) VALUES (:connector, :mind, 'normalize', '{}')",
    "hubspot_raw_records": "(connector_id, mind_id, object_type, hubspot_id, content_hash, payload) "
    "VALUES (:connector, :mind, 'deals', '1', '', '{}')",
    "hubspot_raw_associations": "(connector_id, mind_id, from_type, from_id, to_type, links) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '[]')",
    "hubspot_portals": "(connector_id, mind_id, hub_id) VALUES (:connector, :mind, 1)",
    "hubspot_owners": "(connector_id, mind_id, hubspot_id, label) VALUES (:connector, :mind, '1', 'Ann')",
    "hubspot_pipelines": "(connector_id, mind_id, hubspot_id, label) VALUES (:connector, :mind, '1', 'Sales')",
    "hubspot_stages": "(connector_id, mind_id, pipeline_id, hubspot_id, label) "
    "VALUES (:connector, :mind, '1', '1', 'Won')",
    "hubspot_properties": "(connector_id, mind_id, object_type, name, label, type, field_type) "
    "VALUES (:connector, :mind, 'deals', 'a', 'A', 'string', 'text')",
    # A stored deal is copied and counted: before it, so that each has one row all the same.
    "hubspot_deals": "(connector_id, mind_id, hubspot_id) VALUES (:connector, :mind, '1')",
    "hubspot_contacts": "(connector_id, mind_id, hubspot_id, referenced_only, stages_entered, stages_entered_at, "
    "stages_seen, stages_seen_at) VALUES (:connector, :mind, '1', false, '{lead}', '{2026-01-01}', '{}', '{}')",
    "hubspot_record_counts": "(connector_id, mind_id, object_type, stored, referenced_only) "
    "VALUES (:connector, :mind, 'deals', 1, 0)",
    "hubspot_crm_objects": "(connector_id, mind_id, object_type, hubspot_id, properties, read_at) "
    "VALUES (:connector, :mind, 'deals', '1', '{}', now())",
    "hubspot_associations": "(connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '1', now())",
    "memories": "(mind_id, connector_id, type, sensitivity, content, source_ref, search) "
    "VALUES (:mind, :connector, 'fact', 'open', 'text', :connector, '')",
    "memory_lexemes": "(mind_id, lexeme, stem) VALUES (:mind, 'word', 'word')",
    "memory_queue": "(source_ref, mind_id, connector_id, operation) VALUES (:connector, :mind, :connector, 'publish')",
    "hubspot_merges": "(connector_id, mind_id, object_type, loser_id, survivor_id) "
    "VALUES (:connector, :mind, 'deals', '1', '2')",
    "hubspot_reconciliations": "(connector_id, mind_id, object_type) VALUES (:connector, :mind, 'deals')",
    "hubspot_walked_pages": "(connector_id, mind_id, object_type, page, hubspot_ids) "
    "VALUES (:connector, :mind, 'deals', 0, '{}')",
    "hubspot_rereads": "(connector_id, mind_id, object_type, definitions_hash) "
    "VALUES (:connector, :mind, 'deals', 'd')",
    "hubspot_drifts": "(connector_id, mind_id, object_type, portal_total, stored_total) "
    "VALUES (:connector, :mind, 'deals', 1, 1)",
    "hubspot_skipped_records": "(connector_id, mind_id, object_type, hubspot_id, part) "
    "VALUES (:connector, :mind, 'deals', '1', 'record')",
    "connector_alerts": "(connector_id, mind_id, since) VALUES (:connector, :mind, now())",
    "connector_check_reports": "(connector_id, mind_id, check_name, outcome, reported_at) "
    "VALUES (:connector, :mind, 'fresh', 'passed', now())",
    "memory_label_gaps": "(source_ref, mind_id, connector_id, missing, internal) "
    "VALUES (:connector, :mind, :connector, '{stage}', '{}')",
    "deals_mapped_ahead": "(connector_id, mind_id, hubspot_id, change_seq, rules) "
    "VALUES (:connector, :mind, '1', 1, 'r')",
    "syntheses": "(connector_id, mind_id, period_key, cadence) VALUES (:connector, :mind, '2026-W01', 'weekly')",
}


def insert_row(connection: Connection, table: str, *, connector: str, mind: UUID, customer: UUID) -> None:
    statement = f"INSERT INTO {table} {ROWS[table]}".replace(
        ":connector::text::bytea", "convert_to(:connector, 'UTF8')"
    )
    connection.execute(text(statement), {"connector": connector, "mind": mind, "customer": customer})


def make_two_minds(database: Database, customer: UUID) -> tuple[UUID, UUID]:
    """Make two minds of one customer, each with a row in every table."""
    minds = []
    for name in ("acme", "globex"):
        with database.customer(customer) as connection:
            mind = connection.scalar(
                text("INSERT INTO minds (customer_id, name, slug, kind) VALUES (:c, :n, :n, 'client') RETURNING id"),
                {"c": customer, "n": name},
            )
        with database.mind(mind) as connection:
            for table in ROWS:
                insert_row(connection, table, connector=f"{name}-hubspot-abcd", mind=mind, customer=customer)
        minds.append(mind)
    return minds[0], minds[1]


class Minds(NamedTuple):
    """Two minds that many tests try in vain to change."""

    database: Database
    customer: UUID
    ours: UUID
    theirs: UUID
