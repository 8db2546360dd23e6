"""One name is one number: report, CSV, status, synthesis and the views of a mind's reader agree on random portals."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import text

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.crm import Filters, Labels, lead_stages_of
from coppermind_pipeline.metrics import METRICS, Clock, Face, Metric, Unit
from coppermind_pipeline.reports import DateBasis, ReportFormat, ReportRequest, crm_report, profile_portal, render
from coppermind_pipeline.store import Database, login_url
from coppermind_pipeline.synthesis.aggregates.population import Population
from coppermind_pipeline.synthesis.figures import compute_figures
from coppermind_pipeline_tests.stored_portal import StoredPortal

Records = Sequence[Mapping[str, Any]]

_COUNTED_BY_SQL = [metric for metric in METRICS.values() if metric.view is not None]
_NOW = datetime.now(UTC)
_TODAY = datetime.combine(_NOW.date(), time(), UTC)

# Days around today and around the edges of a range, at midnight UTC (a bare day) and at other times, or no date.
_MOMENTS = st.none() | st.builds(
    lambda days, hours: _TODAY + timedelta(days=days, hours=hours),
    st.sampled_from((-200, -91, -90, -2, -1, 0, 1, 2, 60)),
    st.sampled_from((0, 0, 3, 7, 23)),
)
_AMOUNTS = st.none() | st.decimals(0, 10**7, places=2)
_DEALS = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(("won", "lost", "open")),
        "amount": _AMOUNTS,
        "amount_home": _AMOUNTS,
        "currency": st.sampled_from(("USD", "EUR", None)),
        "created_at": _MOMENTS,
        "close_at": _MOMENTS,
        "closed_won_at": _MOMENTS,
        "entered_closed_won_at": _MOMENTS,
        "entered_stage_at": _MOMENTS,
        "modified_at": _MOMENTS,
        "probability": st.none() | st.decimals(0, 1, places=4),
        "stage_probability": st.none() | st.decimals(0, 1, places=4),
        "loss_reason": st.sampled_from((None, "price")),
        "deal_type": st.sampled_from((None, "newbusiness", "existingbusiness")),
        "attributed_source": st.sampled_from((None, "PAID_SEARCH")),
        "primary_company_id": st.sampled_from((None, "0", "1", "2")),
        "lead_contact_id": st.sampled_from((None, "0", "1")),
        "place_country_code": st.sampled_from((None, None, "US")),
        "place_country_text": st.sampled_from((None, " ", "Atlantis")),
        "filtered_reason": st.sampled_from((None, None, None, "excluded")),
        "archived_at": st.sampled_from((None, None, None, _TODAY)),
    }
)
_CONTACTS = st.fixed_dictionaries(
    {
        "source": st.sampled_from((None, "PAID_SEARCH")),
        "created_at": _MOMENTS,
        "modified_at": _MOMENTS,
        "lifecycle_stage": st.sampled_from((None, "subscriber", "lead", "customer", "other")),
        "lead_status": st.sampled_from((None, None, "UNQUALIFIED", "BAD_TIMING")),
        "referenced_only": st.booleans(),
        "filtered_reason": st.sampled_from((None, None, "excluded")),
    }
)
# The first was merged into the second.
_COMPANIES = [{"merged_into": "1"}, {}, {}]
# So that no aggregate is skipped for having too little to speak of.
_SOME = [{"outcome": outcome, "created_at": _TODAY, "close_at": _TODAY} for outcome in ("won", "lost", "open") * 5]

_random = settings(phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    made = StoredPortal.create(database, local_customer)
    # An open deal of those that each example has: whoever is in it is not stuck.
    made.link("2", "contacts", "0")
    return made


@pytest.fixture
def reader(portal: StoredPortal, tmp_path: Path) -> Iterator[psycopg.Connection]:
    with psycopg.connect(login_url(portal.database, tmp_path, mind_id=portal.mind_id), autocommit=True) as connection:
        yield connection


@pytest.mark.slow
@settings(_random, max_examples=8)
@given(
    deals=st.lists(_DEALS, max_size=12),
    contacts=st.lists(_CONTACTS, max_size=6),
    zone=st.sampled_from(("America/New_York", "Pacific/Auckland", "UTC")),
    company_currency=st.sampled_from(("USD", None)),
    basis=st.sampled_from(DateBasis),
)
def test_every_face_has_the_same_number(
    portal: StoredPortal, reader: psycopg.Connection, basis: DateBasis, **drawn: Any
):
    _all_faces_agree(portal, reader, basis, **drawn)


@pytest.mark.soak
@settings(_random, max_examples=300)
@given(
    deals=st.lists(_DEALS, max_size=30),
    contacts=st.lists(_CONTACTS, max_size=10),
    zone=st.sampled_from(("America/New_York", "Pacific/Auckland", "UTC")),
    company_currency=st.sampled_from(("USD", None)),
    basis=st.sampled_from(DateBasis),
)
def test_every_face_has_the_same_number_on_hundreds_of_portals(
    portal: StoredPortal, reader: psycopg.Connection, basis: DateBasis, **drawn: Any
):
    _all_faces_agree(portal, reader, basis, **drawn)


def test_every_view_of_figures_is_one_of_the_catalogue(database: Database):
    with database.reader() as connection:
        columns = connection.execute(
            text("""SELECT view.relname, array_agg(CAST(attname AS text) ORDER BY attnum) FROM pg_class AS view
                      JOIN pg_attribute ON attrelid = view.oid AND attnum > 0
                     WHERE relkind = 'v' AND relnamespace = 'coppermind'::regnamespace AND relname LIKE 'metric\\_%'
                     GROUP BY view.relname""")
        ).all()
    assert {name for name, _ in columns} == {metric.view for metric in _COUNTED_BY_SQL}
    assert {tuple(each) for _, each in columns} == {
        ("mind_id", "connector_id", "day", "date_basis", "currency", "numerator", "denominator")
    }


def test_a_minds_reader_sees_the_figures_of_its_mind_alone(
    portal: StoredPortal, reader: psycopg.Connection, local_customer: UUID
):
    other = StoredPortal.create(portal.database, local_customer, mind="globex", hub_id=8)
    for each in (portal, other):
        _store(each, [{"outcome": outcome, "amount": 1, "currency": "USD", "probability": "0.5", "created_at": created,
                       "primary_company_id": "1", "close_at": _TODAY - timedelta(days=9), "modified_at": _TODAY}
                      for outcome in ("won", "lost", "open")
                      for created in (_TODAY, _TODAY - timedelta(days=20))],
               [{"created_at": _TODAY, "lifecycle_stage": "lead"}])  # fmt: skip
    for metric in _COUNTED_BY_SQL:
        rows = reader.execute(sql.SQL("SELECT mind_id FROM {}").format(sql.Identifier(metric.view or ""))).fetchall()
        assert {mind for (mind,) in rows} == {portal.mind_id}, metric.id


def test_a_zone_that_nobody_knows_does_not_break_the_views(portal: StoredPortal, reader: psycopg.Connection):
    portal.execute("UPDATE hubspot_portals SET time_zone = 'Mars/Olympus' WHERE connector_id = :connector")
    _store(portal, [{"outcome": "won", "close_at": _TODAY}], [])
    assert reader.execute("SELECT DISTINCT day FROM metric_closed_won_deals WHERE date_basis = 'closedate'").fetchall()


def _all_faces_agree(
    portal: StoredPortal,
    reader: psycopg.Connection,
    basis: DateBasis,
    *,
    deals: Records,
    contacts: Records,
    zone: str,
    company_currency: str | None,
) -> None:
    portal.execute(
        "UPDATE hubspot_portals SET time_zone = :zone, company_currency = :currency WHERE connector_id = :connector",
        zone=zone, currency=company_currency,
    )  # fmt: skip
    _store(portal, [*_SOME, *deals], contacts)
    first, end = _NOW.astimezone(ZoneInfo(zone)).date() - timedelta(days=90), _NOW.date() + timedelta(days=3)
    report, (row, *losses) = _report(portal, basis, first, end)
    assert _lost_in_csv(losses) == {name: report["losses"][name] for name in ("with_reason", "without_reason")}
    status, synthesis = _status(portal), _synthesis(portal, zone)
    for metric in METRICS.values():
        told: dict[str, Any] = {}
        for face, path in metric.shown_in.items():
            answer = {Face.CRM_REPORT: report, Face.STATUS: status, Face.SYNTHESIS: synthesis}[face]
            told[face] = _at(answer, path)
        if metric.view is not None and Face.CRM_REPORT in metric.shown_in:
            assert told[Face.CRM_REPORT] == _in_sql(reader, metric, basis, first, end), (metric.id, "report, SQL")
        if metric.shown_in.get(Face.CRM_REPORT, "").startswith("summary."):
            assert _in_csv(row, metric) == told[Face.CRM_REPORT], (metric.id, "CSV, report")
        # These speak of all records, whatever their dates.
        over_all = [told[face] for face in (Face.STATUS, Face.SYNTHESIS) if told.get(face) is not None]
        if metric.clock is not Clock.IN_RANGE and told.get(Face.CRM_REPORT) is not None:
            over_all.append(told[Face.CRM_REPORT])
        if over_all and metric.view is not None:
            over_all.append(_in_sql(reader, metric))
        assert all(each == over_all[0] for each in over_all), (metric.id, over_all)


def _store(portal: StoredPortal, deals: Records, contacts: Records) -> None:
    """Store these records and no others, in two statements."""
    given = {"connector_id": portal.connector_id, "mind_id": portal.mind_id, "properties": {}, "read_at": _NOW,
             "referenced_only": False}  # fmt: skip
    rows = [
        given | {"object_type": kind, "hubspot_id": str(number),
                 "attribution_step": "contact" if each.get("attributed_source") else None} | dict(each)
        for kind, records in (("deals", deals), ("contacts", contacts), ("companies", _COMPANIES))
        for number, each in enumerate(records)
    ]  # fmt: skip
    columns = ", ".join(sorted({name for row in rows for name in row}))
    portal.execute("DELETE FROM hubspot_crm_objects WHERE connector_id = :connector")
    portal.execute(
        f"""INSERT INTO hubspot_crm_objects ({columns})
            SELECT {columns} FROM jsonb_populate_recordset(CAST(NULL AS hubspot_crm_objects), CAST(:rows AS jsonb))""",
        rows=orjson.dumps(rows, default=str).decode(),
    )


def _report(portal: StoredPortal, basis: DateBasis, first: date, end: date) -> tuple[Any, list[dict[str, str]]]:
    with portal.database.mind(portal.mind_id) as connection:
        customer = connection.execute(text("SELECT customer_id FROM minds")).scalar_one()
    mind = Mind(id=portal.mind_id, customer_id=customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip
    request = ReportRequest.from_arguments({"start": str(first), "end": str(end), "date_basis": basis.value})
    report = crm_report(portal.database, mind=mind, request=request, now=_NOW)
    table = render(report, ReportFormat.CSV).lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
    return report.model_dump(mode="json"), list(csv.DictReader(io.StringIO(table)))


def _status(portal: StoredPortal) -> Any:
    connector = load_connector(portal.database, portal.connector_id)
    with portal.database.mind(portal.mind_id) as connection:
        return {"portal_profile": profile_portal(connection, connector, now=_NOW).model_dump(mode="json")}


def _synthesis(portal: StoredPortal, zone: str) -> Any:
    population = Population(
        connector_id=portal.connector_id, as_of=_NOW, estimated=False, zone=ZoneInfo(zone), company_currency="USD",
        disqualified_statuses=("UNQUALIFIED",), lead_stages=lead_stages_of(None),
    )  # fmt: skip
    with portal.database.mind(portal.mind_id) as connection:
        figures = compute_figures(
            connection, population, labels=Labels(), filters=Filters(), loss_reason_property="closed_lost_reason"
        )
        connection.rollback()
    return figures.as_json()


def _at(answer: Any, path: str) -> Any:
    """Return what an answer holds at a path, as numbers; None in lists, or where it has too little to speak of."""
    found = answer
    for step in path.split("."):
        if found is None or isinstance(found, list) or (found is answer and step not in found):
            return None
        found = found[step]
    if isinstance(found, list):
        return {each["currency"]: Decimal(each["amount"]) for each in found}
    if isinstance(found, dict):
        return {found["currency"]: Decimal(found["amount"])}
    return None if found is None else Decimal(found)


def _in_csv(row: Mapping[str, str], metric: Metric) -> Any:
    _, *steps = metric.shown_in[Face.CRM_REPORT].split(".")
    if metric.unit is not Unit.MONEY:
        value = row["_".join(steps)]
        return Decimal(value) if value else None
    name = {"amounts": steps[0], "amount_home": f"{steps[0]}_home"}.get(steps[-1], steps[0])
    found = {currency: row.get(f"{name}_{currency or 'unknown_currency'}") for currency in ("USD", "EUR", None)}
    told = {currency: Decimal(value) for currency, value in found.items() if value}
    return told or (None if steps[-1] == "amount_home" else {})


def _lost_in_csv(rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    themes = [row for row in rows if row["part"] == "loss_themes"]
    without = sum(int(row["loss_deals"]) for row in themes if row["loss_theme"] == "No reason given")
    return {"with_reason": sum(int(row["loss_deals"]) for row in themes) - without, "without_reason": without}


def _in_sql(
    reader: psycopg.Connection, metric: Metric, basis: DateBasis | None = None, first: date | None = None,
    end: date | None = None,
) -> Any:  # fmt: skip
    """Return a figure as a BI tool takes it from its view: of a range on a basis, or of all records."""
    asked = metric.date_bases if metric.clock is Clock.IN_RANGE else ()
    date_basis = str(basis) if basis in asked else next(iter(asked), None)
    if metric.clock is not Clock.IN_RANGE:
        first = end = None
    values = {"basis": date_basis, "first": first, "end": end}
    statement = sql.SQL(_OF_A_VIEW).format(view=sql.Identifier(metric.view or ""))
    found = reader.execute(statement, values).fetchall()
    if metric.unit is Unit.MONEY:
        sums = {currency: part if whole is None else part / whole for currency, part, whole, _ in found}
        if metric.id.endswith(".amount_home") and (not sums or None in sums.values()):
            return None
        return {currency: _cents(amount) for currency, amount in sums.items()}
    part, whole, median = found[0][1:] if found else (None, None, None)
    match metric.unit:
        case Unit.COUNT:
            return part or Decimal(0)
        case Unit.RATE:
            return (part / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP) if whole else None
        case Unit.DAYS:
            return None if median is None else Decimal(median)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


_OF_A_VIEW = """
SELECT currency, nullif(sum(numerator), 'NaN'), sum(denominator), percentile_cont(0.5) WITHIN GROUP (ORDER BY numerator)
  FROM {view}
 WHERE (%(basis)s::text IS NULL OR date_basis = %(basis)s)
   AND (%(first)s::date IS NULL OR (day >= %(first)s AND day < %(end)s))
 GROUP BY currency
"""
