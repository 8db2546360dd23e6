"""Reports over many deals of one mind: milliseconds for each question, by the clock and of processors."""

import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import psycopg
import structlog
from sqlalchemy import text

from coppermind_pipeline.accounts import list_minds, local_caller
from coppermind_pipeline.catalog import load_labels
from coppermind_pipeline.crm import LOSS_REASON_PROPERTY, Filters, lead_stages_of
from coppermind_pipeline.reports import CrmReport, ReportRequest, crm_report
from coppermind_pipeline.reports.rendering.formats import ReportFormat, render
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline.synthesis.aggregates.population import Population
from coppermind_pipeline.synthesis.figures import compute_figures
from coppermind_pipeline_tests.benchmarks.installation import peak_mib, stopwatch
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    "quarter": {"period": "last_quarter"},
    **{
        f"quarter by {group_by}": {"period": "last_quarter", "group_by": group_by}
        for group_by in ("source", "owner", "pipeline", "stage", "country", "region", "month")
    },
    "quarter by source, compared": {"period": "last_quarter", "group_by": "source", "compare_to": "previous_year"},
    "quarter with rows": {"period": "last_quarter", "detail": True},
    "quarter by date of entry": {"period": "last_quarter", "date_basis": "date_entered_closed_won"},
    "year by month": {"period": "this_year", "group_by": "month", "compare_to": "previous_year"},
    "all time": {"start": "2020-01-01", "end": "2027-01-01", "group_by": "source"},
}
_CALLS = 20


def reporting(*, deals: int, others: int) -> dict[str, Any]:
    """Milliseconds within which half of the reports of each kind, and 95 of 100, are answered."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    home = Path(tempfile.mkdtemp(prefix="coppermind-bench-"))
    database = Database(embedded.start(home), home)
    upgrade(database)
    try:
        with stopwatch() as filling:
            portal = filled(database, deals=deals, others=others)
        return {"deals": deals, "objects": deals + others, "filled": filling, **measured(database, portal)}
    finally:
        database.dispose()
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def filled(database: Database, *, deals: int, others: int) -> StoredPortal:
    """Return a portal of deals of three years, one in ten open, and of contacts and companies, a half of each."""
    with database.reader() as connection:
        customer = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
    portal = StoredPortal.create(database, customer, mind="measured")
    fill(portal, deals=deals, others=others)
    # As autovacuum leaves it some minutes after a backfill.
    with psycopg.connect(database.address.set(drivername="postgresql").render_as_string(False), autocommit=True) as own:
        own.execute("VACUUM ANALYZE coppermind.hubspot_crm_objects")
    return portal


def fill(portal: StoredPortal, *, deals: int, others: int) -> None:
    """Store the same in a portal that is there."""
    for object_type, statement, records in (
        ("contacts", _OTHERS, others // 2),
        ("companies", _OTHERS, others - others // 2),
        ("deals", _DEALS, deals),
    ):
        for first in range(0, records, BATCH):
            portal.execute(
                statement,
                now=NOW,
                type=object_type,
                first=first,
                last=min(first + BATCH, records) - 1,
                filler="x" * 40,
            )


def measured(database: Database, portal: StoredPortal) -> dict[str, Any]:
    """Ask each question several times; the first call is not counted.

    Processor time is that of a call here and in the database: what other work on the machine hardly changes.
    """
    (mind,) = list_minds(database, local_caller(database))
    scopes = _five_scopes(database, portal)

    def ask(question: Mapping[str, Any], *, panoramic: bool = False) -> CrmReport:
        request = ReportRequest.from_arguments(question)
        return crm_report(database, mind=mind, request=request, now=NOW, panoramic=panoramic)

    answers = {kind: timed(database, portal, lambda q=q: ask(q)) for kind, q in QUESTIONS.items()}
    page = timed(
        database, portal, lambda: render(ask(QUESTIONS["quarter by source"], panoramic=True), ReportFormat.HTML)
    )
    return {**answers, "page": page, "five scopes": scopes}


def _five_scopes(database: Database, portal: StoredPortal) -> dict[str, Any]:
    """Compute what a synthesis publishes: seconds, and the most memory that this process had, with the server's own."""
    population = Population(
        connector_id=portal.connector_id, as_of=NOW, estimated=False, zone=ZoneInfo("America/New_York"),
        company_currency="USD", disqualified_statuses=("UNQUALIFIED",), lead_stages=lead_stages_of(None),
    )  # fmt: skip
    with database.mind(portal.mind_id) as connection:
        server = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()")))
        labels = load_labels(connection, portal.connector_id, properties=("hs_analytics_source", LOSS_REASON_PROPERTY))
        busy_from = _processor_s(server)
        with stopwatch() as took:
            compute_figures(
                connection, population, labels=labels, filters=Filters(), loss_reason_property=LOSS_REASON_PROPERTY
            )
        spent = _processor_s(server) - busy_from
        of_server = server.memory_full_info().uss
        connection.rollback()
    return {**took, "cpu_s": round(spent, 2), "peak_mib": peak_mib() + of_server // 2**20}


def timed(database: Database, portal: StoredPortal, call: Callable[[], Any]) -> dict[str, Any]:
    with database.mind(portal.mind_id) as connection:
        server = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()")))
    took: list[float] = []
    busy_from = 0.0
    for _ in range(_CALLS + 1):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1_000)
        busy_from = busy_from or _processor_s(server)
    warm = sorted(took[1:])
    return {
        "p50_ms": round(statistics.median(warm), 1),
        "p95_ms": round(warm[int(len(warm) * 0.95)], 1),
        "processor_ms": round((_processor_s(server) - busy_from) * 1_000 / _CALLS, 1),
    }


def _processor_s(server: psutil.Process) -> float:
    """Return what this process and its server's have spent, with those that ended: a statement's parallel workers."""
    spent, ended = server.cpu_times(), psutil.Process(server.ppid()).cpu_times()
    return time.process_time() + spent.user + spent.system + ended.children_user + ended.children_system


BATCH = 20_000

_PROPERTIES = """
(SELECT jsonb_object_agg('property_' || known, :filler || made.at) FROM generate_series(1, 12) AS known)
"""

_OTHERS = f"""
INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, properties, created_at, modified_at,
                                 read_at, name, source, country_code, region)
SELECT :connector, current_mind(), :type, CAST(1000000 + made.at AS text), {_PROPERTIES},
       CAST(:now AS timestamptz) - made.at % 1000 * interval '1 day', :now, :now, 'Record ' || made.at,
       'PAID_SEARCH', 'US', 'Texas'
  FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS made (at)
"""

_DEALS = f"""
INSERT INTO hubspot_crm_objects (
    connector_id, mind_id, object_type, hubspot_id, properties, created_at, modified_at, read_at, name, owner_id,
    amount, currency, amount_home, pipeline_id, stage_id, outcome, outcome_disagrees, late_stage, probability,
    stage_probability, close_at, closed_won_at, entered_closed_won_at, entered_stage_at, loss_reason,
    primary_company_id, attributed_source, attribution_step, place_country_code, place_country_text, place_region
)
SELECT :connector, current_mind(), 'deals', CAST(5000000 + made.at AS text), {_PROPERTIES},
       chance.closed - chance.age * interval '1 day', chance.closed, :now, 'Deal ' || made.at,
       (ARRAY['11', '12', NULL])[1 + made.at % 3],
       CASE WHEN made.at % 23 > 0 THEN chance.amount END, 'USD', CASE WHEN made.at % 23 > 0 THEN chance.amount END,
       'default', ended.stage, ended.outcome, false, false, ended.probability, ended.probability,
       chance.closed, CASE WHEN ended.outcome = 'won' THEN chance.closed END,
       CASE WHEN ended.outcome = 'won' THEN chance.closed END, chance.closed,
       CASE WHEN ended.outcome = 'lost' THEN (ARRAY['Price too high', 'No budget', 'Went with a competitor',
                                                     'Timing', NULL, 'Product fit'])[1 + made.at % 6] END,
       CAST(1000000 + made.at % 5000 AS text),
       (ARRAY['PAID_SEARCH', 'ORGANIC_SEARCH', 'OFFLINE', 'REFERRALS', NULL])[1 + made.at % 5], 'deal',
       (ARRAY['US', 'DE', 'FR', 'GB', NULL])[1 + made.at % 5], NULL,
       (ARRAY['Texas', 'Bavaria', 'Berlin', 'Ohio', 'Kent', NULL])[1 + made.at % 6]
  FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS made (at)
 CROSS JOIN LATERAL (
    SELECT CAST(:now AS timestamptz) - (hashint4(made.at) & 1048575) / 1048576.0 * 1095 * interval '1 day' AS closed,
           (hashint4(made.at + 7) & 65535) + 0.25 AS amount, 1 + (hashint4(made.at + 9) & 127) AS age
 ) AS chance
 CROSS JOIN LATERAL (
    SELECT CASE WHEN made.at % 10 = 0 THEN 'open' WHEN made.at % 10 < 5 THEN 'won' ELSE 'lost' END AS outcome,
           CASE WHEN made.at % 10 = 0 THEN 'contractsent' WHEN made.at % 10 < 5 THEN 'closedwon'
                ELSE 'closedlost' END AS stage,
           CASE WHEN made.at % 10 = 0 THEN 0.9 WHEN made.at % 10 < 5 THEN 1 ELSE 0 END AS probability
 ) AS ended
"""
