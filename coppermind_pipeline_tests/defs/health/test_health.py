"""What the sensor `health` tells Dagster, and how often: of connectors that nothing runs for, and of the fleet."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest

from coppermind_pipeline.connectors import Condition, evaluate, tell_all_again
from coppermind_pipeline.defs.health import sensor
from coppermind_pipeline.defs.health.fleet import fleet
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.defs.health.operator import Operator
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def operator(database: Database, tmp_path: Path) -> Iterator[Operator]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Operator(instance, database, tmp_path)


@pytest.fixture
def portal(database: Database, local_customer: UUID, operator: Operator) -> StoredPortal:
    """A connector in good order that was polled just now."""
    portal = StoredPortal.create(database, local_customer)
    portal.execute("UPDATE hubspot_polls SET last_started_at = now() - interval '1 minute', last_succeeded_at = now()")
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = now()")
    operator.instance.add_dynamic_partitions(PARTITIONS, [portal.connector_id])
    return portal


def _let_pass(portal: StoredPortal, time: str) -> None:
    """Let what was told have been told so much earlier."""
    portal.execute(f"UPDATE connector_check_reports SET reported_at = reported_at - interval '{time}'")


def _stale(portal: StoredPortal) -> None:
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = now() - interval '40 minutes'")


def test_what_is_so_is_told_once_and_a_change_with_the_next_tick(operator: Operator, portal: StoredPortal):
    operator.tick()
    assert operator.told() == Counter(dict.fromkeys(Condition, 1) | {"nobody_needed": 1})
    assert all(evaluation.passed for evaluation in operator.evaluations())
    assert operator.tick() == "checks of 0 connectors were reported"
    _stale(portal)
    operator.tick()
    assert operator.told()["fresh"] == 2
    fresh = operator.latest("fresh")
    assert (fresh.passed, fresh.partition, fresh.severity) == (False, portal.connector_id, dg.AssetCheckSeverity.ERROR)
    assert fresh.asset_key == dg.AssetKey("raw_deals")
    assert "coppermind up" in (fresh.description or "")
    assert fresh.metadata["age_minutes"].value == pytest.approx(40, abs=1)
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = now()")
    operator.tick()
    assert operator.latest("fresh").passed
    assert operator.told().total() == 13 + 2 + 2


def test_what_fails_is_told_hourly_and_what_passes_daily(operator: Operator, portal: StoredPortal):
    _stale(portal)
    operator.tick()
    _let_pass(portal, "1 hour")
    operator.tick()
    assert {name for name, times in operator.told().items() if times == 2} == {"fresh"}
    _let_pass(portal, "1 day")
    operator.tick()
    assert {name for name, times in operator.told().items() if times == 2} == set(Condition) - {"fresh"}


def test_another_cause_is_news(operator: Operator, portal: StoredPortal):
    _stale(portal)
    operator.tick()
    portal.execute("UPDATE hubspot_polls SET failures = 2")
    operator.tick()
    portal.execute("UPDATE hubspot_polls SET failures = 3")
    operator.tick()
    assert operator.told()["fresh"] == 2
    assert "The last 2 polls failed" in (operator.latest("fresh").description or "")


def test_a_connector_that_is_disconnected_is_never_left_red(operator: Operator, portal: StoredPortal):
    _stale(portal)
    operator.tick()
    portal.execute("UPDATE connectors SET status = 'inactive', disconnected_at = '2026-11-20 10:00Z'")
    operator.tick()
    assert operator.latest("fresh").passed
    assert "by a person on 2026-11-20" in (operator.latest("fresh").description or "")
    assert operator.latest("nobody_needed").passed


def test_a_connector_without_a_partition_yet_is_told_of_when_it_has_one(operator: Operator, portal: StoredPortal):
    operator.instance.delete_dynamic_partition(PARTITIONS, portal.connector_id)
    operator.tick()
    assert operator.told() == Counter({"nobody_needed": 1})
    operator.instance.add_dynamic_partitions(PARTITIONS, [portal.connector_id])
    operator.tick()
    assert operator.told()["fresh"] == 1


def test_what_a_tick_has_no_time_for_is_told_by_the_next_ones_the_bad_news_first(
    operator: Operator, database: Database, local_customer: UUID, portal: StoredPortal, monkeypatch: pytest.MonkeyPatch
):
    for number in range(8, 11):
        other = StoredPortal.create(database, local_customer, mind=f"mind-{number}", hub_id=number)
        operator.instance.add_dynamic_partitions(PARTITIONS, [other.connector_id])
    reads = iter(range(1_000))
    monkeypatch.setattr(sensor, "monotonic", lambda: 20 * next(reads))  # so that there is time for one of them
    assert operator.tick() == "checks of 1 connectors were reported; 3 connectors wait for the next tick"
    assert not operator.latest("fresh").passed
    for _ in range(3):
        operator.tick()
    assert operator.told()["fresh"] == 4
    assert operator.evaluations()[-1].partition == portal.connector_id


def test_facts_that_a_run_has_overtaken_are_told_by_nobody(operator: Operator, portal: StoredPortal):
    evaluate(portal.database, portal.connector_id, set(Condition))
    operator.tick()
    assert operator.told() == Counter({"nobody_needed": 1})
    _stale(portal)
    portal.execute("UPDATE connector_check_reports SET reported_at = now() + interval '1 minute'")
    operator.tick()
    assert operator.told() == Counter({"nobody_needed": 2})


def test_after_a_failed_run_everything_is_told_again(operator: Operator, portal: StoredPortal):
    operator.tick()
    tell_all_again(portal.database, portal.connector_id)
    operator.tick()
    assert {name for name, times in operator.told().items() if times == 2} == set(Condition)


def test_the_fleet_is_red_while_a_connector_needs_a_person(
    operator: Operator, database: Database, local_customer: UUID, portal: StoredPortal
):
    StoredPortal.create(database, local_customer, mind="globex", hub_id=8).execute(
        "UPDATE hubspot_polls SET last_succeeded_at = now()"
    )
    operator.tick()
    assert operator.latest("nobody_needed").passed
    _stale(portal)
    operator.tick()
    red = operator.latest("nobody_needed")
    assert (red.passed, red.severity, red.partition) == (False, dg.AssetCheckSeverity.ERROR, None)
    assert (red.description or "").startswith(f"1 connector in need of a person: 1 in stale ({portal.connector_id}).")
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = now()")
    operator.tick()
    assert operator.latest("nobody_needed").passed
    before, stale, after = operator.fleet()
    assert [each["state_stale"] for each in (before, stale, after)] == [0, 1, 0]
    assert (stale["connectors"], stale["needing_a_person"]) == (2, 1)
    assert stale["oldest_lag_minutes"] == pytest.approx(40, abs=1)
    first = stale["worst"].records[0].data
    assert (first["connector"], first["state"]) == (portal.connector_id, "stale")
    assert f"partition={portal.connector_id}" in stale["worst_in_dagster"]


def test_the_fleet_is_told_hourly_where_nothing_changes(operator: Operator, portal: StoredPortal):
    for _ in range(2):
        operator.tick()
    assert len(operator.fleet()) == 1
    operator.cursor = (operator.cursor or "").replace(f"{portal.database.now():%Y}-", "2020-")
    operator.tick()
    assert len(operator.fleet()) == 2


def test_a_person_may_materialize_the_fleet(operator: Operator, portal: StoredPortal):
    _stale(portal)
    resources = {"installation": operator.installation}
    assert dg.materialize([fleet], instance=operator.instance, resources=resources).success
    assert not operator.latest("nobody_needed").passed
    assert operator.fleet()[0]["connectors"] == 1


@pytest.mark.slow
def test_a_run_and_the_sensor_neither_contradict_nor_repeat_each_other(
    database: Database, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with RunningSandbox(SandboxConfig(contacts=20, companies=8, deals=10, limits=False)) as sandbox:
        settings = settings_for(sandbox, tmp_path)
        connected = asyncio.run(Connected.create(database, settings))
        assert sync_connector(database, settings, connected.connector_id, until_complete=True).succeeded
        with dg.DagsterInstance.get() as instance:
            run_only = Operator(instance, database, tmp_path)
            in_runs = run_only.told()
            assert set(in_runs) >= set(Condition) - {"without_drift"}
            assert {each.partition for each in run_only.evaluations()} == {connected.connector_id}
            assert all(each.passed for each in run_only.evaluations()[-len(Condition) :])
            run_only.tick()
            assert run_only.told() - in_runs == Counter({"without_drift": 1, "nobody_needed": 1})
