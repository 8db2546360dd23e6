"""A portal of any size, put into the store by a few statements: as a finished sync leaves it, and as published."""

from sqlalchemy import text

from coppermind_pipeline.memories import map_records
from coppermind_pipeline_tests.stored_portal import StoredPortal

OWNERS = 40


def fill(portal: StoredPortal, *, deals: int) -> None:
    """Store this many deals, twice as many contacts and half as many companies, all with labels of every kind.

    Each deal is associated with a company and two contacts; half of the contacts have their company by its id alone.
    """
    _execute(portal, _OWNERS, _REASONS)
    _store_records(portal, deals)


def fill_published(portal: StoredPortal, *, deals: int) -> None:
    """Store the same, with a memory of some words beside each record, as if all had been mapped: it takes seconds."""
    _execute(portal, _OWNERS, _REASONS)
    map_records(
        portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id
    )  # nothing yet, by these rules
    _store_records(portal, deals)
    _execute(portal, _MEMORIES, _ALL_MAPPED)


def _store_records(portal: StoredPortal, deals: int) -> None:
    statements = (_CONTACTS, _COMPANIES, _DEALS, _WITH_COMPANIES, _WITH_CONTACTS)
    _execute(portal, *statements, deals=deals, contacts=2 * deals, companies=deals // 2)


def _execute(portal: StoredPortal, *statements: str, **values: int) -> None:
    known = {"connector": portal.connector_id, "mind": portal.mind_id, "owners": OWNERS}
    with portal.database.mind(portal.mind_id) as connection:
        for statement in (*statements, "SELECT analyze_grown_tables()"):
            connection.execute(text(statement), {**known, **values})


_OWNERS = """
INSERT INTO hubspot_owners (connector_id, mind_id, hubspot_id, label, archived)
SELECT :connector, :mind, CAST(1000 + n AS text), 'Owner ' || n, false FROM generate_series(0, :owners - 1) AS n
"""

_REASONS = """
INSERT INTO hubspot_properties (connector_id, mind_id, object_type, name, label, type, field_type, options)
SELECT :connector, :mind, 'deals', name, name, 'enumeration', 'checkbox',
       CAST('[{"value": "price", "label": "Price"}, {"value": "timing", "label": "Bad timing"}]' AS jsonb)
  FROM unnest(ARRAY['closed_lost_reason', 'closed_won_reason']) AS name
"""

_COMMON = """
:connector, :mind, CAST(n AS text), now(), now(), now(), CAST(1000 + n % :owners AS text)
"""

_CONTACTS = f"""
INSERT INTO hubspot_crm_objects (connector_id, mind_id, hubspot_id, created_at, modified_at, read_at, owner_id,
       object_type, name, email, job_title, source, lifecycle_stage, lead_status, company_name, city, country_code,
       properties)
SELECT {_COMMON}, 'contacts', 'Person ' || n, 'person' || n || '@firm.example', 'Head of Marketing',
       (ARRAY['ORGANIC_SEARCH', 'PAID_SEARCH', 'OFFLINE'])[1 + n % 3], (ARRAY['lead', 'customer'])[1 + n % 2],
       (ARRAY['NEW', 'UNQUALIFIED', 'BAD_TIMING'])[1 + n % 3], CASE WHEN n % 2 = 0 THEN 'Firm ' || n END, 'Berlin',
       'DE', CASE WHEN n % 2 = 0 THEN '{{}}' ELSE jsonb_build_object('associatedcompanyid', CAST(1 + n / 4 AS text)) END
  FROM generate_series(1, :contacts) AS n
"""

_COMPANIES = f"""
INSERT INTO hubspot_crm_objects (connector_id, mind_id, hubspot_id, created_at, modified_at, read_at, owner_id,
       object_type, name, domain, industry, source, lifecycle_stage, properties)
SELECT {_COMMON}, 'companies', 'Company ' || n, 'company' || n || '.example',
       CASE WHEN n % 2 = 0 THEN 'COMPUTER_SOFTWARE' END, 'OFFLINE', 'customer', '{{}}'
  FROM generate_series(1, :companies) AS n
"""

# A third is won, a third lost with a reason, a sixth in a late stage; of the rest nothing is remembered.
_DEALS = f"""
INSERT INTO hubspot_crm_objects (connector_id, mind_id, hubspot_id, created_at, modified_at, read_at, owner_id,
       object_type, name, pipeline_id, stage_id, outcome, late_stage, outcome_disagrees, amount, currency, close_at,
       attributed_source, attribution_step, deal_type, loss_reason, won_reason, primary_company_id, properties)
SELECT {_COMMON}, 'deals', 'Deal ' || n, CASE WHEN n % 6 = 4 THEN '7001' ELSE 'default' END,
       (ARRAY['closedwon', 'closedlost', 'contractsent', 'closedwon', '7103', 'appointmentscheduled'])[1 + n % 6],
       (ARRAY['won', 'lost', 'open', 'won', 'lost', 'open'])[1 + n % 6], n % 6 = 2, false, 100 + n, 'USD', now(),
       (ARRAY['ORGANIC_SEARCH', 'PAID_SEARCH', 'OFFLINE'])[1 + n % 3], 'contact',
       (ARRAY['newbusiness', 'existingbusiness'])[1 + n % 2],
       CASE n % 6 WHEN 1 THEN 'price' WHEN 4 THEN 'price;timing' END, CASE n % 6 WHEN 0 THEN 'timing' END,
       CAST(1 + n / 2 AS text), '{{}}'
  FROM generate_series(1, :deals) AS n
"""

_WITH_COMPANIES = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids, labels,
       valid_from)
SELECT :connector, :mind, 'deals', CAST(n AS text), 'companies', CAST(1 + n / 2 AS text), '{341,5}', '{Primary}', now()
  FROM generate_series(1, :deals) AS n
"""

_WITH_CONTACTS = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids, valid_from)
SELECT :connector, :mind, 'deals', CAST(n AS text), 'contacts', CAST(2 * n - more AS text), '{3}', now()
  FROM generate_series(1, :deals) AS n, generate_series(0, 1) AS more
"""

_MEMORIES = """
INSERT INTO memories (mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id, as_of,
       search)
SELECT :mind, :connector, 'fact', 'open', 'What was said of ' || name,
       'hubspot:' || connector_id || ':' || object_type || ':' || hubspot_id, object_type, hubspot_id, now(),
       to_tsvector('simple', name) || mind_lexeme()
  FROM hubspot_crm_objects WHERE connector_id = :connector
"""

_ALL_MAPPED = """
UPDATE pipeline_stages SET seq = (SELECT max(change_seq) FROM hubspot_crm_objects WHERE connector_id = :connector)
 WHERE connector_id = :connector AND stage IN ('map', 'map_deals')
"""
