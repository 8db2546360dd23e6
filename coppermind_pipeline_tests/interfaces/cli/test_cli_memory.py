import csv
import io
import json
from datetime import UTC, datetime

import pytest

from coppermind_pipeline.memories import MemoryType, QueueEntry, Sensitivity, drain, enqueue, record_ref
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

TEXTS = {
    "1": (MemoryType.CAMPAIGN_OUTCOME, Sensitivity.SENSITIVE, "Acme [EU] won the harvester deal for USD 12,000."),
    "2": (MemoryType.BUYING_SIGNAL, Sensitivity.SENSITIVE, "The irrigation deal waits for a signature."),
}


@pytest.fixture
def portal(database, local_customer) -> StoredPortal:
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", name="Harvester", outcome="won", amount="12000", currency="USD", close_at=NOW,
                source="PAID_SEARCH", attributed_source="PAID_SEARCH", stage_id="closedwon")  # fmt: skip
    return portal


def _queue(portal: StoredPortal) -> None:
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(
            connection,
            [
                QueueEntry(
                    source_ref=record_ref(portal.connector_id, ObjectType.DEALS, deal_id),
                    connector_id=portal.connector_id,
                    operation="publish",
                    type=kind,
                    sensitivity=sensitivity,
                    content=content,
                    object_type=ObjectType.DEALS,
                    hubspot_id=deal_id,
                    as_of=NOW,
                )
                for deal_id, (kind, sensitivity, content) in TEXTS.items()
            ],
        )


@pytest.fixture
def remembered(portal) -> StoredPortal:
    _queue(portal)
    drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    return portal


def test_search_shows_texts_as_written_behind_what_they_can_be_trusted_for(coppermind, remembered):
    lines = coppermind("memory", "search", "harvester").stdout.splitlines()
    assert lines[0].startswith("Mind acme: synced 2026-11-18 12:00 UTC,")
    assert "Acme [EU] won the harvester deal for USD 12,000." in lines
    assert "The irrigation deal waits for a signature." not in lines


def test_search_answers_machines_with_the_tools_own_response(coppermind, remembered):
    answer = json.loads(coppermind("memory", "search", "harvester", "--json").stdout)
    assert next(iter(answer)) == "trust"
    assert [memory["type"] for memory in answer["memories"]] == ["campaign_outcome"]


def test_list_is_narrowed_by_type_and_audience(coppermind, remembered):
    everything = json.loads(coppermind("memory", "list", "--json").stdout)["memories"]
    assert len(everything) == len(TEXTS)
    outcomes = json.loads(coppermind("memory", "list", "--type", "campaign_outcome", "--json").stdout)["memories"]
    assert [memory["type"] for memory in outcomes] == ["campaign_outcome"]
    assert "There is no such memory." in coppermind("memory", "list", "--audience", "client").stdout
    wrong = coppermind("memory", "list", "--type", "rumour")
    assert wrong.exit_code == 2
    assert "campaign_outcome" in wrong.stderr


def test_get_takes_a_number_or_a_source_ref(coppermind, remembered):
    ref = record_ref(remembered.connector_id, ObjectType.DEALS, "2")
    by_ref = json.loads(coppermind("memory", "get", ref, "--json").stdout)["memory"]
    assert by_ref["content"] == "The irrigation deal waits for a signature."
    assert by_ref["content"] in coppermind("memory", "get", str(by_ref["id"])).stdout
    assert coppermind("memory", "get", "999999999").exit_code == 2


def test_the_queue_shows_what_waits_but_never_its_text(coppermind, portal):
    _queue(portal)
    shown = coppermind("memory", "queue").stdout
    assert f"{portal.connector_id}: 2 pending, 0 in progress, 0 failed for good" in shown
    assert record_ref(portal.connector_id, ObjectType.DEALS, "1") in shown
    assert "harvester" not in shown
    answer = json.loads(coppermind("memory", "queue", "--state", "dead", "--json").stdout)
    assert answer["queues"][0]["entries"] == []
    assert answer["queues"][0]["status"]["pending"] == 2


def test_what_failed_for_good_is_replayed_on_request(coppermind, portal):
    _queue(portal)
    portal.execute("UPDATE memory_queue SET state = 'dead' WHERE connector_id = :connector")
    assert "2 failed for good" in coppermind("memory", "queue").stdout
    assert "2 pending, 0 in progress, 0 failed for good; 2 will be tried again" in coppermind(
        "memory", "queue", "--replay"
    ).stdout  # fmt: skip


@pytest.mark.parametrize("period", [("--period", "2026-Q4"), ("--start", "2026-10-01", "--end", "2027-01-01")])
def test_the_report_comes_in_every_format(coppermind, portal, period):
    report = json.loads(coppermind("memory", "report", *period, "--json").stdout)
    assert next(iter(report)) == "trust"
    assert report["summary"]["closed_won"]["deals"] == 1
    assert json.loads(coppermind("memory", "report", *period, "--format", "json").stdout)["period"] == report["period"]
    assert coppermind("memory", "report", *period).stdout.startswith("# acme: CRM report, 1 October 2026")
    assert coppermind("memory", "report", *period, "--format", "html").stdout.startswith("<!doctype html>")
    rows = list(csv.DictReader(io.StringIO(coppermind("memory", "report", *period, "--format", "csv").stdout)))
    assert rows


def test_a_report_argument_that_cannot_be_used_is_named(coppermind, portal):
    result = coppermind("memory", "report", "--period", "next_decade")
    assert result.exit_code == 2
    assert "next_decade" in result.stderr
    assert coppermind("memory", "report", "--group-by", "colour").exit_code == 2


def test_the_report_takes_this_quarter_where_no_period_is_named(coppermind, portal):
    period = json.loads(coppermind("memory", "report", "--json").stdout)["period"]
    assert period["name"] == "this_quarter"
    assert datetime.fromisoformat(period["start"]) <= datetime.now(UTC)


def test_an_account_is_shown_to_people_and_to_machines(coppermind, portal):
    portal.company("5", name="Globex", domain="globex.example")
    portal.contact("6", name="Ann Lee", job_title="CFO", properties={"associatedcompanyid": "5"})
    portal.link("1", "companies", "5")
    shown = coppermind("memory", "account", "www.globex.example").stdout
    assert shown.startswith("# Globex (globex.example) (mind acme)")
    assert "Ann Lee](https://app.hubspot.com/contacts/7/record/0-1/6): CFO" in shown
    answer = json.loads(coppermind("memory", "account", "Globex", "--json").stdout)
    assert list(answer)[:2] == ["trust", "audit"]
    assert [row["name"] for row in answer["deals"]["rows"]] == ["Harvester"]
    for_client = coppermind("memory", "account", "Globex", "--audience", "client", "--format", "markdown").stdout
    assert "Ann Lee" not in for_client
    assert "Won: " in for_client
    assert coppermind("memory", "account", "Globex", "--cursor", "nonsense").exit_code == 2


def test_what_changed_is_shown_to_people_and_to_machines(coppermind, portal):
    shown = coppermind("memory", "changes", "--format", "markdown").stdout
    assert shown.startswith("# acme: what changed in the open pipeline, ")
    answer = json.loads(coppermind("memory", "changes", "--json").stdout)
    assert list(answer)[:4] == ["trust", "period", "audit", "headline"]
    assert coppermind("memory", "changes", "--from", "soon").exit_code == 2
    refused = coppermind("memory", "changes", "--from", "2026-01-01")
    assert (refused.exit_code, "earliest time possible" in refused.stderr) == (2, True)


def test_a_figure_of_a_report_is_explained(coppermind, portal):
    report = json.loads(coppermind("memory", "report", "--period", "2026", "--json").stdout)
    figure = f"{report['audit']['answer_id']}#summary.closed_won.deals"
    answer = json.loads(coppermind("memory", "explain", figure, "--json").stdout)
    assert (answer["value"], answer["same_today"]) == (report["summary"]["closed_won"]["deals"], True)
    assert "How many deals" in coppermind("memory", "explain", figure).stdout
    assert coppermind("memory", "explain", "nonsense").exit_code == 2


def test_metrics_say_what_a_figure_is(coppermind, portal):
    listed = coppermind("memory", "metrics").stdout
    assert "closed_won.deals" in listed
    assert "There are more: --after " in listed
    one = coppermind("memory", "metrics", "--metric", "win_rate").stdout
    assert "Won deals divided by won and lost ones" in one
    assert "metric_win_rate" in one
    answer = json.loads(coppermind("memory", "metrics", "--metric", "win_rate", "--json").stdout)
    assert [metric["id"] for metric in answer["metrics"]] == ["win_rate"]
