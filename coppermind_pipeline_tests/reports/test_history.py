"""As of an earlier time: the figures that the same report would have shown then."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.reports import BeforeHistory, ReportArgumentError
from coppermind_pipeline.sync import take_up
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal
from coppermind_pipeline_tests.sync.earlier_times import assert_earlier_times_agree

_FIRST = NOW - timedelta(days=10)
_BETWEEN = NOW - timedelta(days=4)

# The store is read for what has not changed since, once it follows what was read.
_WHETHER_TAKEN_UP = pytest.mark.parametrize("taken_up", [False, True], ids=["waits to be taken up", "taken up"])


@pytest.fixture(autouse=True)
def complete_since_the_first_day(portal: StoredPortal) -> None:
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=_FIRST)


def test_a_deal_counts_as_it_was(portal: StoredPortal, report: MakeReport) -> None:
    _read(portal, "1", _FIRST, dealstage="contractsent", amount="100")
    _read(portal, "1", NOW - timedelta(days=1), dealstage="closedwon", amount="150", closedate="2026-11-17T10:00:00Z")
    portal.deal("1", outcome="won", close_at=NOW, amount=150, currency="USD")
    before = report(as_of=_BETWEEN.isoformat())
    assert (before.summary.open.deals, before.summary.closed_won.deals) == (1, 0)
    assert before.summary.open.amounts[0].amount == "100.00"
    assert before.summary.weighted_pipeline[0].amount == "90.00"
    assert before.period.as_of == _BETWEEN
    assert before.audit.caveats[0].startswith("The figures are those of 14 November 2026, 07:00 (America/New_York)")
    after = report(as_of=NOW.isoformat())
    assert (after.summary.open.deals, after.summary.closed_won.deals) == (0, 1)
    assert after.summary.closed_won.amounts[0].amount == "150.00"


def test_a_deal_that_came_later_or_was_archived_before_is_not_there(portal: StoredPortal, report: MakeReport) -> None:
    _read(portal, "1", NOW - timedelta(days=1), dealstage="contractsent")
    _read(portal, "2", _FIRST, dealstage="contractsent")
    portal.deal("2", archived_at=NOW - timedelta(days=6))
    _read(portal, "3", _FIRST, dealstage="contractsent")
    portal.deal("3", archived_at=NOW)
    assert report(as_of=_BETWEEN.isoformat()).summary.open.deals == 1


@_WHETHER_TAKEN_UP
def test_a_merged_deal_counts_until_the_survivor_was_read(
    portal: StoredPortal, report: MakeReport, *, taken_up: bool
) -> None:
    _read(portal, "1", _FIRST, dealstage="contractsent")
    _read(portal, "2", _FIRST, dealstage="contractsent")
    _read(portal, "2", NOW - timedelta(days=1), dealstage="contractsent", hs_merged_object_ids="1")
    if taken_up:
        _take_up(portal)
    assert report(as_of=_BETWEEN.isoformat()).summary.open.deals == 2
    assert report(as_of=NOW.isoformat()).summary.open.deals == 1


def test_who_was_merged_away_is_gone_before_the_store_knows(portal: StoredPortal, report: MakeReport) -> None:
    for deal_id in ("1", "2", "3"):
        _read(portal, deal_id, _FIRST, dealstage="contractsent")
    for contact_id, source in (("7", "PAID_SEARCH"), ("8", "REFERRALS")):
        _read(portal, contact_id, _FIRST, object_type="contacts", hs_analytics_source=source)
    _link(portal, "3", "7", since=_FIRST, until=None)
    _take_up(portal)
    _read(portal, "2", NOW - timedelta(days=1), dealstage="contractsent", hs_merged_object_ids="1")
    _read(portal, "8", NOW - timedelta(days=1), object_type="contacts", note="\0", hs_calculated_merged_vids="7:1")
    assert_earlier_times_agree(portal.database, portal.connector_id, (_BETWEEN, NOW))
    open_deals = {at: report(as_of=at.isoformat()).summary.open.deals for at in (_BETWEEN, NOW)}
    assert open_deals == {_BETWEEN: 3, NOW: 2}


@_WHETHER_TAKEN_UP
def test_the_source_comes_from_the_links_of_then(portal: StoredPortal, report: MakeReport, *, taken_up: bool) -> None:
    _read(portal, "1", _FIRST, dealstage="contractsent")
    for contact, source in (("8", "OFFLINE"), ("9", "PAID_SEARCH")):
        _read(portal, contact, _FIRST, object_type="contacts", hs_analytics_source=source, createdate="2026-01-01")
    _link(portal, "1", "8", since=_FIRST, until=NOW - timedelta(days=2))
    _link(portal, "1", "9", since=NOW - timedelta(days=2), until=None)
    if taken_up:
        _take_up(portal)
    assert [group.label for group in report(as_of=_BETWEEN.isoformat(), group_by="source").groups] == [
        "Offline Sources"
    ]
    assert [group.label for group in report(as_of=NOW.isoformat(), group_by="source").groups] == ["Paid Search"]


def test_todays_filters_apply(portal: StoredPortal, report: MakeReport) -> None:
    config = orjson.dumps({"hubspot_filters": {"deals": {"dealtype": "newbusiness"}}}).decode()
    portal.execute("UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector", config=config)
    _read(portal, "1", _FIRST, dealstage="contractsent", dealtype="newbusiness")
    _read(portal, "2", _FIRST, dealstage="contractsent", dealtype="existingbusiness")
    assert report(as_of=_BETWEEN.isoformat()).summary.open.deals == 1
    assert report(as_of=_BETWEEN.isoformat(), include_filtered=True).summary.open.deals == 2


def test_this_period_is_that_of_then(report: MakeReport) -> None:
    period = report(as_of="2026-11-10", period="this_month", timezone="UTC", compare_to="previous_period").period
    assert period.as_of == datetime(2026, 11, 10, 23, 59, 59, 999999, tzinfo=UTC)
    assert period.compared_with is not None
    assert period.compared_with.elapsed_days == 10


def test_before_the_first_complete_backfill_there_is_no_history(portal: StoredPortal, report: MakeReport) -> None:
    with pytest.raises(BeforeHistory) as refused:
        report(as_of=(_FIRST - timedelta(seconds=1)).isoformat())
    assert "2026-11-08T12:00:00+00:00" in refused.value.message
    assert refused.value.code == "before_history"
    report(as_of=_FIRST.isoformat())
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = NULL WHERE connector_id = :connector")
    with pytest.raises(BeforeHistory, match="not been read completely yet"):
        report(as_of=NOW.isoformat())


def test_what_is_kept_no_longer_is_named_with_the_earliest_day(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute("UPDATE retention SET kept_since = :since WHERE kind = 'records'", since=_BETWEEN)
    report(as_of=_BETWEEN.isoformat())
    with pytest.raises(BeforeHistory, match="is kept no longer") as refused:
        report(as_of=(_BETWEEN - timedelta(seconds=1)).isoformat())
    assert _BETWEEN.isoformat() in refused.value.message


def test_the_future_is_refused(report: MakeReport) -> None:
    with pytest.raises(ReportArgumentError, match="lies ahead"):
        report(as_of="2027-01-01")


def _read(
    portal: StoredPortal, hubspot_id: str, read_at: datetime, *, object_type: str = "deals", **properties: Any
) -> None:
    """Append a version of a record to the raw log, as a pull at that time would have."""
    defaults = {"pipeline": "default", "createdate": "2026-10-05T09:00:00Z"} if object_type == "deals" else {}
    payload = orjson.dumps(defaults | properties)
    portal.execute(
        """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                            payload)
           VALUES (:connector, :mind, :type, :id, :hash, :read_at, CAST(:payload AS json))""",
        mind=portal.mind_id, type=object_type, id=hubspot_id, read_at=read_at,
        payload=payload.decode(), hash=hashlib.sha256(payload).digest(),
    )  # fmt: skip


def _take_up(portal: StoredPortal) -> None:
    take_up(portal.database, load_connector(portal.database, portal.connector_id))
    assert_earlier_times_agree(portal.database, portal.connector_id, (_BETWEEN, NOW))


def _link(portal: StoredPortal, deal_id: str, contact_id: str, *, since: datetime, until: datetime | None) -> None:
    portal.execute(
        """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids,
                                            valid_from, valid_to)
           VALUES (:connector, :mind, 'deals', :deal, 'contacts', :contact, '{3}', :since, :until)""",
        mind=portal.mind_id, deal=deal_id, contact=contact_id, since=since, until=until,
    )  # fmt: skip
