"""Arguments of a report: what is accepted, and what is said where it isn't."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.connectors import ConnectorNotFound
from coppermind_pipeline.reports import ReportArgumentError, ReportRequest
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"period": "someday"}, "'someday' is not a period"),
        ({"start": "2026-01-01"}, "takes both"),
        ({"start": "2026-01-01", "end": "2026-02-01", "period": "2026"}, "either them or period"),
        ({"start": "01/02/2026", "end": "2026-02-01"}, "start: '01/02/2026' is not a date"),
        ({"date_basis": "createdate"}, "'closedate'"),
        ({"group_by": "colour"}, "'source'"),
        ({"timezone": "Mars/Olympus"}, "not a time zone"),
        ({"page": 0}, "page:"),
        ({"compare_to": "last_year"}, "'previous_year'"),
        ({"datebasis": "closedate"}, "no argument 'datebasis'"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ReportArgumentError) as refused:
        ReportRequest.from_arguments(arguments)
    assert said in refused.value.message


def test_a_misspelt_argument_gets_the_nearest_one() -> None:
    with pytest.raises(ReportArgumentError) as refused:
        ReportRequest.from_arguments({"datebasis": "closedate"})
    assert "date_basis" in refused.value.hint


def test_bare_dates_are_midnights_of_the_reports_zone(report: MakeReport) -> None:
    period = report(start="2026-10-01", end="2026-11-01").period
    assert period.start == datetime(2026, 10, 1, 4, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert period.timezone == "America/New_York"


def test_a_year_may_come_as_a_number() -> None:
    assert ReportRequest.from_arguments({"period": 2026}).period == "2026"


def test_a_connector_of_another_mind_is_unknown(report: MakeReport, database: Database, local_customer: UUID) -> None:
    other = StoredPortal.create(database, local_customer, mind="globex", hub_id=9)
    with pytest.raises(ConnectorNotFound):
        report(connector_id=other.connector_id)


def test_fiscal_periods_of_portals_that_disagree_are_refused(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, hub_id=8)
    other.execute("UPDATE connectors SET config = '{\"fiscal_year_start_month\": 4}' WHERE id = :connector")
    with pytest.raises(ReportArgumentError, match="no single range"):
        report(period="this_fiscal_year")
    assert str(report(period="FY2026", connector_id=other.connector_id).period.first_day) == "2025-04-01"
    assert str(report(period="FY2026", connector_id=portal.connector_id).period.first_day) == "2026-01-01"


def test_the_configured_zone_goes_before_the_portals(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute('UPDATE connectors SET config = \'{"report_timezone": "Europe/Berlin"}\' WHERE id = :connector')
    assert report().period.timezone == "Europe/Berlin"
    assert report(timezone="Asia/Tokyo").period.timezone == "Asia/Tokyo"
