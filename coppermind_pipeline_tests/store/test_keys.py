"""A row can't pair one mind with another's connector, nor a mind with another customer, whoever writes it."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from coppermind_pipeline.store import Database

# Every two columns of a table that name what belongs to something, and its owner; and the key that both are in.
_PAIRS = """
WITH held AS (
    SELECT c.oid AS id, c.relname AS name, array_agg(a.attname::text) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'coppermind'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid),
pairs (belonging, owning, target, target_columns) AS (VALUES
    ('connector_id', 'mind_id', 'connectors', ARRAY['id', 'mind_id']),
    ('replaced_by', 'mind_id', 'connectors', ARRAY['id', 'mind_id']),
    ('mind_id', 'customer_id', 'minds', ARRAY['id', 'customer_id']),
    ('active_mind_id', 'customer_id', 'minds', ARRAY['id', 'customer_id']))
SELECT name, belonging, EXISTS (
           SELECT FROM pg_constraint k
            WHERE k.conrelid = held.id AND k.contype = 'f' AND k.convalidated AND k.confrelid = target::regclass
              AND ARRAY[belonging, owning] = ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY u (n, i)
                    JOIN pg_attribute ON attrelid = conrelid AND attnum = u.n ORDER BY u.i)
              AND target_columns = ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY u (n, i)
                    JOIN pg_attribute ON attrelid = confrelid AND attnum = u.n ORDER BY u.i))
  FROM held JOIN pairs ON ARRAY[belonging, owning] <@ columns
"""


def test_every_table_that_holds_both_of_a_pair_has_one_key_for_them(database: Database):
    with database.reader() as connection:
        pairs = connection.execute(text(_PAIRS)).all()
    assert {name for name, belonging, _ in pairs if belonging == "connector_id"} >= {
        "hubspot_raw_records", "hubspot_raw_associations", "hubspot_crm_objects", "hubspot_associations", "memories",
    }  # fmt: skip
    assert {name for name, belonging, _ in pairs if belonging.endswith("mind_id")} == {
        "connectors", "oauth_states", "access_tokens",
    }  # fmt: skip
    assert [(name, belonging) for name, belonging, has_key in pairs if not has_key] == []


_BULK = {
    "hubspot_raw_records": "(connector_id, mind_id, object_type, hubspot_id, content_hash, payload) "
    "VALUES (:connector, :mind, 'deals', '1', '', '{}')",
    "hubspot_raw_associations": "(connector_id, mind_id, from_type, from_id, to_type, links) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '[]')",
    "hubspot_crm_objects": "(connector_id, mind_id, object_type, hubspot_id, properties, read_at) "
    "VALUES (:connector, :mind, 'deals', '1', '{}', now())",
    "hubspot_associations": "(connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '1', now())",
}
_PLANTED = {
    **_BULK,
    "connectors": "(id, mind_id, customer_id) VALUES ('planted-hubspot-0000', :mind, :customer)",
    "connectors (replaced)": "(id, mind_id, customer_id, replaced_by) "
    "VALUES ('planted-hubspot-0000', :mind, :own_customer, :connector)",
    "oauth_states": "(state_hash, connector_id, mind_id, customer_id, expires_at) "
    "VALUES ('', :connector, :own_mind, :other_customer, now())",
    "access_tokens": "(customer_id, name, prefix, token_hash, active_mind_id) "
    "VALUES (:other_customer, 'n', 'p', '', :mind)",
    "memories": "(mind_id, connector_id, type, sensitivity, content, source_ref, search, aggregate_connector_id) "
    "VALUES (:own_mind, :connector, 'fact', 'open', 'text', 'r', '', 'globex-hubspot-abcd')",
}


@pytest.fixture
def names(database: Database, local_customer: UUID) -> dict[str, UUID | str]:
    """A connector of the first mind, and what it must not be paired with: a second mind, another customer."""
    return _two_minds(database, local_customer)


def _two_minds(database: Database, customer: UUID) -> dict[str, UUID | str]:
    with database.owner() as connection:
        minds = [
            connection.scalar(
                text("INSERT INTO minds (customer_id, name, slug, kind) VALUES (:c, :n, :n, 'client') RETURNING id"),
                {"c": customer, "n": name},
            )
            for name in ("acme", "globex")
        ]
        for name, mind in zip(("acme", "globex"), minds, strict=True):
            connection.execute(
                text("INSERT INTO connectors (id, mind_id, customer_id) VALUES (:id, :mind, :customer)"),
                {"id": f"{name}-hubspot-abcd", "mind": mind, "customer": customer},
            )
        other = connection.scalar(text("INSERT INTO customers (name) VALUES ('other') RETURNING id"))
    return {
        "connector": "acme-hubspot-abcd", "own_mind": minds[0], "mind": minds[1],
        "own_customer": customer, "other_customer": other, "customer": other,
    }  # fmt: skip


@pytest.mark.parametrize("planted", _PLANTED)
def test_a_row_that_pairs_what_does_not_belong_together_is_refused(
    database: Database, names: dict[str, UUID | str], planted: str
):
    table = planted.partition(" ")[0]
    with database.owner() as connection, pytest.raises(IntegrityError, match=f'"{table}" violates'):
        connection.execute(text(f"INSERT INTO {table} {_PLANTED[planted]}"), names)


def test_a_customer_cannot_switch_to_a_mind_of_another(database: Database, names: dict[str, UUID | str]):
    with database.owner() as connection, pytest.raises(IntegrityError, match="active_mind_id"):
        connection.execute(text("UPDATE customers SET active_mind_id = :mind WHERE id = :other_customer"), names)
