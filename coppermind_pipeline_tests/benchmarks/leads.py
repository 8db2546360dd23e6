"""Lead reports over many contacts of one mind: milliseconds for each question, by the clock and of processors."""

from collections.abc import Mapping
from typing import Any

import psycopg

from coppermind_pipeline.accounts import list_minds, local_caller
from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports import LeadGroupBy, LeadRequest, lead_report
from coppermind_pipeline_tests.benchmarks.installation import stopwatch, stored_portal
from coppermind_pipeline_tests.benchmarks.reporting import BATCH, fill, timed
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    "quarter": {"period": "last_quarter"},
    **{f"quarter by {group_by}": {"period": "last_quarter", "group_by": group_by} for group_by in LeadGroupBy},
    "quarter by source, compared": {"period": "last_quarter", "group_by": "source", "compare_to": "previous_year"},
    "year by month": {"period": "this_year", "group_by": "month", "compare_to": "previous_year"},
    "all time by source": {"start": "2020-01-01", "end": "2027-01-01", "group_by": "source"},
}


def lead_reports(*, contacts: int, deals: int) -> dict[str, Any]:
    """Milliseconds within which half of the reports of each kind, and 95 of 100, are answered."""
    with stored_portal() as portal:
        with stopwatch() as filling:
            fill_leads(portal, contacts=contacts, deals=deals)
        (mind,) = list_minds(portal.database, local_caller(portal.database))

        def ask(question: Mapping[str, Any]) -> Any:
            request = LeadRequest.from_arguments(question)
            return lead_report(portal.database, mind=mind, request=request, now=NOW)

        answers = {kind: timed(portal.database, portal, lambda q=q: ask(q)) for kind, q in QUESTIONS.items()}
        return {"contacts": contacts, "deals": deals, "filled": filling, **answers}


def fill_leads(portal: StoredPortal, *, contacts: int, deals: int) -> None:
    """Store contacts of three years, each as far in the funnel as chance has it, and deals with one of them each."""
    fill(portal, deals=deals, others=0)
    for first in range(0, contacts, BATCH):
        last = min(first + BATCH, contacts) - 1
        portal.execute(_CONTACTS, now=NOW, first=first, last=last, funnel=list(FUNNEL_STAGES))
    portal.execute(_TIES, now=NOW, contacts=contacts)
    # As autovacuum leaves it some minutes after a backfill.
    address = portal.database.address.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(address, autocommit=True) as own:
        own.execute("VACUUM ANALYZE coppermind.hubspot_contacts, coppermind.hubspot_associations")
        own.execute("VACUUM ANALYZE coppermind.hubspot_deals")


# Of ten one is imported, and nobody knows when it entered a stage; of the others each second goes on to the next stage.
_CONTACTS = """
INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, properties, created_at, modified_at,
       read_at, name, owner_id, source, source_detail_1, lifecycle_stage, lead_status, country_code, region,
       stages_entered, stages_entered_at, stages_seen, stages_seen_at)
SELECT :connector, current_mind(), 'contacts', CAST(1000000 + made.at AS text), '{}', born.at,
       least(coalesce(funnel.since, born.at) + (made.at & 127) * interval '1 day', :now), :now, 'Person ' || made.at,
       CASE WHEN made.at % 41 > 0 THEN CAST(made.at % 41 AS text) END,
       CASE WHEN born.imported THEN 'OFFLINE'
            ELSE (ARRAY['PAID_SEARCH', 'ORGANIC_SEARCH', 'SOCIAL_MEDIA', 'REFERRALS', NULL])[1 + made.at % 5] END,
       CASE WHEN made.at % 7 > 0 THEN 'Campaign ' || made.at % 200 END,
       coalesce(funnel.stages[cardinality(funnel.stages)], 'lead'),
       (ARRAY['NEW', 'OPEN', 'UNQUALIFIED', 'BAD_TIMING', NULL])[1 + made.at % 5],
       (ARRAY['US', 'DE', 'FR', 'GB', 'ES', 'IT', NULL])[1 + made.at % 7], 'Region ' || made.at % 60,
       coalesce(funnel.stages, '{}'), coalesce(funnel.dates, '{}'),
       CASE WHEN made.at % 20 = 0 THEN ARRAY['subscriber'] ELSE '{}' END,
       CASE WHEN made.at % 20 = 0 THEN ARRAY[born.at] ELSE '{}' END
  FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS made (at)
 CROSS JOIN LATERAL (
    SELECT CAST(:now AS timestamptz) - (hashint4(made.at) & 1048575) / 1048576.0 * 1095 * interval '1 day' AS at,
           made.at % 10 = 0 AS imported, hashint4(made.at + 3) & 1023 AS chance,
           1 + (hashint4(made.at + 5) & 31) AS days
 ) AS born
 CROSS JOIN LATERAL (
    SELECT array_agg(stage ORDER BY place) AS stages, array_agg(entered_at ORDER BY place) AS dates,
           max(entered_at) AS since
      FROM unnest(CAST(:funnel AS text[])) WITH ORDINALITY AS each (stage, place)
     CROSS JOIN LATERAL (SELECT born.at + (place - 1) * born.days * interval '1 day' AS entered_at) AS entry
     WHERE NOT born.imported AND born.chance < 1024 >> CAST(place - 1 AS integer) AND entered_at <= :now
 ) AS funnel
"""

_TIES = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids, valid_from)
SELECT :connector, current_mind(), 'deals', deal.hubspot_id, 'contacts',
       CAST(1000000 + (hashint4(CAST(deal.hubspot_id AS integer)) & 2147483647) % CAST(:contacts AS integer) AS text),
       '{3}', :now
  FROM live_deals AS deal
"""
