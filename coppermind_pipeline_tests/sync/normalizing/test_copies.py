"""The narrow copies of deals and contacts, and the counts, follow whatever statement writes records."""

import random
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.portal_comparison import COPIED_COLUMNS, assert_stages_come_down_to
from coppermind_pipeline_tests.stored_portal import StoredPortal

# Each concerns some of the records, of all types: those whose id leaves the remainder `at`.
_SOME = "connector_id = :connector AND CAST(hubspot_id AS integer) % 4 = :at"
_STATEMENTS = (
    f"UPDATE hubspot_crm_objects SET name = name || '!', lead_status = 'NEW' WHERE {_SOME}",
    f"UPDATE hubspot_crm_objects SET change_seq = nextval('change_seq') WHERE {_SOME}",
    f"UPDATE hubspot_crm_objects SET archived_at = now(), archived_reason = 'archived', owner_id = '7' WHERE {_SOME}",
    f"UPDATE hubspot_crm_objects SET archived_at = NULL, archived_reason = NULL WHERE {_SOME}",
    f"""UPDATE hubspot_crm_objects SET merged_into = '0', stages_entered = '{{}}', stages_entered_at = '{{}}',
                                      stages_seen = '{{lead}}', stages_seen_at = '{{NULL}}' WHERE {_SOME}""",
    f"""UPDATE hubspot_crm_objects
           SET lifecycle_stage = (ARRAY['lead', 'opportunity', 'subscriber', 'own', NULL])[1 + length(name) % 5],
               stages_entered = '{{subscriber,customer,lead}}',
               stages_entered_at = '{{2026-03-01,2026-01-01,2026-02-01}}',
               stages_seen = '{{opportunity,other}}', stages_seen_at = '{{NULL,2026-05-01}}'
         WHERE {_SOME}""",
    f"UPDATE hubspot_crm_objects SET merged_into = NULL, referenced_only = NOT referenced_only WHERE {_SOME}",
    f"UPDATE hubspot_crm_objects SET hubspot_id = hubspot_id, outcome = NULL WHERE {_SOME}",
    f"DELETE FROM hubspot_crm_objects WHERE {_SOME}",
    """INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, properties, read_at, name,
                                        archived_at, amount)
       SELECT :connector, current_mind(), kind, CAST(id AS text), '{}', now(), kind || id,
              CASE WHEN id % 3 = :at THEN now() END, id
         FROM generate_series(1, 12) AS id, unnest(ARRAY['deals', 'contacts', 'companies']) AS kind
       ON CONFLICT (connector_id, object_type, hubspot_id) DO UPDATE
          SET name = excluded.name, archived_at = excluded.archived_at, merged_into = NULL""",
)
_DIFFERENCES = """
SELECT * FROM ((SELECT {columns} FROM {copies} EXCEPT SELECT {columns} FROM live_records WHERE object_type = :type)
               UNION ALL
               (SELECT {columns} FROM live_records WHERE object_type = :type EXCEPT SELECT {columns} FROM {copies}))
            AS differing
"""
_COUNTS = """
SELECT object_type, stored, referenced_only FROM hubspot_record_counts WHERE stored > 0
EXCEPT
SELECT object_type, count(*), count(*) FILTER (WHERE referenced_only) FROM live_records GROUP BY object_type
"""


@pytest.mark.parametrize("seed", range(3))
def test_copies_follow_every_statement(database: Database, local_customer: UUID, seed: int):
    portal, chance = StoredPortal.create(database, local_customer), random.Random(seed)
    with database.mind(portal.mind_id) as connection:
        for _ in range(50):
            statement = chance.choice([*_STATEMENTS, _STATEMENTS[-1]])
            connection.execute(text(statement), {"connector": portal.connector_id, "at": chance.randrange(3)})
            assert _differences(connection) == [], statement


def _differences(connection: Connection) -> list[object]:
    found: list[object] = list(connection.execute(text(_COUNTS)))
    for object_type in ("deals", "contacts"):
        copies = f"hubspot_{object_type}"
        names = connection.scalars(text(COPIED_COLUMNS.format(copies)))
        statement = _DIFFERENCES.format(columns=", ".join(names), copies=copies)
        found.extend(connection.execute(text(statement), {"type": object_type}))
    assert_stages_come_down_to(connection.execute(text("SELECT * FROM hubspot_contacts")))
    return found
