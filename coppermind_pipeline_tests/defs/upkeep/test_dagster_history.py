"""Old runs and events go, and Dagster goes on showing what is materialized, what failed, and how checks turned out."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster_postgres import PostgresEventLogStorage
from pydantic import SecretStr
from sqlalchemy import Row, text

from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.defs.upkeep.retention import due_retention, retention
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, remove_old_runs
from coppermind_pipeline.store.growth import dagster_history

DAYS = 14
_THING, _CHECK = dg.AssetKey("thing"), dg.AssetCheckKey(dg.AssetKey("thing"), "good")
_CONNECTORS = dg.DynamicPartitionsDefinition(name=PARTITIONS)


@dg.asset(
    partitions_def=_CONNECTORS, check_specs=[dg.AssetCheckSpec("good", asset="thing", partitions_def=_CONNECTORS)]
)
def thing() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="good")])


class History:
    """Runs of one asset over two months, one after the other, cloned from a real one; the last one of "p1" failed."""

    def __init__(self, instance: dg.DagsterInstance, *, runs: int, partitions: int) -> None:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        self.instance, self.storage = instance, instance.event_log_storage
        instance.add_dynamic_partitions(PARTITIONS, [f"p{number}" for number in range(partitions)])
        done = dg.materialize([thing], instance=instance, partition_key="p0")
        with self.storage.index_connection() as connection:
            for statement in _CLONE:
                connection.execute(text(statement), {"run": done.run_id, "runs": runs, "partitions": partitions})

    def rows(self, statement: str) -> Sequence[Row[Any]]:
        with self.storage.index_connection() as connection:
            return connection.execute(text(statement)).all()

    def shown(self) -> dict[str, Any]:
        """Return what Dagster's pages are made of."""
        storage, materialization = self.storage, dg.DagsterEventType.ASSET_MATERIALIZATION
        attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(_THING)
        checks = sorted(storage.get_asset_check_partition_info([_CHECK]), key=lambda check: check.partition_key or "")
        evaluations = [
            storage.get_latest_asset_check_execution_by_key([_CHECK], PartitionKeyFilter(key=check.partition_key))
            for check in checks
        ]
        materialized = storage.get_latest_storage_id_by_partition(_THING, materialization)
        newest = [
            self.instance.fetch_materializations(
                dg.AssetRecordsFilter(_THING, asset_partitions=[partition]), limit=1
            ).records[0]
            for partition in sorted(materialized)
        ]
        of_runs = {run_id for run_id, _ in attempts.values()} | {record.run_id for record in newest}
        runs = {run_id: self.instance.get_run_by_id(run_id) for run_id in sorted(of_runs)}
        assert all(runs.values())
        return {
            "partitions": storage.get_materialized_partitions(_THING),
            "ids": materialized,
            "tags": storage.get_latest_tags_by_partition(_THING, materialization, ["dagster/data_version"]),
            "attempts": attempts,
            "checks": checks,
            "summary": storage.get_asset_check_summary_records([_CHECK]),
            "evaluations": evaluations,
            "newest": newest,
            "runs": {run_id: run.status for run_id, run in runs.items() if run is not None},
        }

    def kept(self, until: datetime) -> tuple[set[int], set[int], set[str]]:
        """Return which events, evaluations and runs are to stay."""
        runs = self.rows("SELECT run_id, status, to_timestamp(end_time) AS ended_at FROM runs")
        in_use = {run.run_id for run in runs if run.status == "STARTED" or run.ended_at >= until}
        newest: dict[Any, int] = {}
        events = self.rows("SELECT *, timestamp AT TIME ZONE 'UTC' AS at FROM event_logs ORDER BY id")
        for event in events:
            if event.asset_key is not None:
                newest[event.asset_key, event.dagster_event_type, event.partition] = event.id
        kept = {e.id for e in events if e.at >= until or e.run_id in in_use} | set(newest.values())
        evaluations = self.rows(
            "SELECT *, create_timestamp AT TIME ZONE 'UTC' AS at FROM asset_check_executions ORDER BY id"
        )
        last = {(each.partition, each.execution_status == "PLANNED"): each for each in evaluations}
        of_checks = {each.id for each in evaluations if each.at >= until} | {each.id for each in last.values()}
        with_events = {event.run_id for event in events if event.id in kept}
        of_last = {each.run_id for each in last.values()}
        return kept, of_checks, {run.run_id for run in runs} & (in_use | with_events | of_last)

    def left(self) -> tuple[set[int], set[int], set[str]]:
        """Return which events, evaluations and runs there are."""
        return (
            {row.id for row in self.rows("SELECT id FROM event_logs")},
            {row.id for row in self.rows("SELECT id FROM asset_check_executions")},
            {row.run_id for row in self.rows("SELECT run_id FROM runs")},
        )


@pytest.fixture
def history(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[History]:
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    for name, value in prepare_dagster_home(settings, database).items():
        monkeypatch.setenv(name, value)
    runs, partitions = request.param
    with dg.DagsterInstance.get() as instance:
        yield History(instance, runs=runs, partitions=partitions)


@pytest.mark.parametrize(
    "history", [(60, 5), pytest.param((20_000, 1_000), marks=[pytest.mark.soak, pytest.mark.timeout(3600)])],
    indirect=True,
)  # fmt: skip
def test_what_dagster_shows_stays_and_what_is_older_goes(
    history: History, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dagster_history, "_ROWS_MAX", 50 if len(history.left()[2]) < 100 else 2_000)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expected, shown, before = history.kept(today - timedelta(days=DAYS + 1)), history.shown(), history.left()
    began = monotonic()
    removed = remove_old_runs(database, days=DAYS, time_is_up=lambda: False)
    print(f"{removed.rows} rows of {len(before[2])} runs in {monotonic() - began:.1f} s")  # noqa: T201
    assert history.left() == expected
    assert history.shown() == shown
    assert removed.complete
    assert removed.rows == sum(len(there) - len(kept) for there, kept in zip(before, expected, strict=True))
    assert len(expected[2]) < len(before[2]) / 2
    (orphans,) = history.rows(
        """SELECT count(*) FROM asset_event_tags AS tag
            WHERE NOT EXISTS (SELECT FROM event_logs AS event WHERE event.id = tag.event_id)"""
    )
    assert orphans.count == 0


@pytest.mark.parametrize("history", [(40, 4)], indirect=True)
def test_a_run_is_asked_for_once_a_day_and_once_more_where_one_is_cut_short(
    history: History, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dagster_history, "_ROWS_MAX", 50)
    resources = {"installation": Installation(Settings(home=tmp_path), database)}

    def tick() -> Any:
        return due_retention(dg.build_sensor_context(history.instance, resources=resources))

    assert isinstance(tick(), dg.SkipReason)  # a new installation has nothing so old
    looks = iter(range(100))
    removed = remove_old_runs(database, days=DAYS, time_is_up=lambda: next(looks) == 2)
    assert (removed.complete, removed.rows > 0) == (False, True)
    assert tick().tags["coppermind/long"] == "background"
    done = dg.materialize([retention], instance=history.instance, resources=resources)
    (told,) = done.asset_materializations_for_node("retention")
    assert told.metadata["runs_removed"] != dg.MetadataValue.int(0)
    assert told.metadata["records_removed"] == dg.MetadataValue.int(0)
    assert told.metadata["complete"].value is True
    assert isinstance(tick(), dg.SkipReason)


# Each run has its place in two months, the last one now; in the order of their time they are given their ids.
_CLONE = (
    """CREATE TEMPORARY TABLE clones AS
       SELECT n, CAST(gen_random_uuid() AS text) AS run_id, 'p' || n % CAST(:partitions AS int) AS partition,
              (60.0 * 86400 * (CAST(:runs AS int) - n)) / CAST(:runs AS int) AS age
         FROM generate_series(1, CAST(:runs AS int) - 1) AS n""",
    """CREATE TEMPORARY TABLE failing AS
       SELECT run_id FROM clones WHERE partition = 'p1' AND age > 20 * 86400 ORDER BY age LIMIT 1""",
    "DELETE FROM clones WHERE partition = 'p1' AND n > (SELECT n FROM clones JOIN failing USING (run_id))",
    """INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, create_timestamp,
                         update_timestamp, start_time, end_time)
       SELECT clones.run_id, snapshot_id, pipeline_name, mode,
              CASE WHEN clones.run_id = (SELECT run_id FROM failing) THEN 'FAILURE'
                   WHEN n = 1 THEN 'STARTED' ELSE status END,
              replace(replace(run_body, runs.run_id, clones.run_id), '"p0"', '"' || clones.partition || '"'),
              clones.partition, create_timestamp - make_interval(secs => age),
              update_timestamp - make_interval(secs => age), start_time - age, end_time - age
         FROM clones CROSS JOIN runs WHERE runs.run_id = :run ORDER BY n""",
    """INSERT INTO run_tags (run_id, key, value)
       SELECT clones.run_id, key, replace(value, 'p0', clones.partition)
         FROM clones CROSS JOIN run_tags WHERE run_tags.run_id = :run""",
    """INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
       SELECT clones.run_id, replace(replace(event, :run, clones.run_id), '"p0"', '"' || clones.partition || '"'),
              dagster_event_type, timestamp - make_interval(secs => age), step_key, asset_key,
              CASE WHEN event_logs.partition IS NOT NULL THEN clones.partition END
         FROM clones CROSS JOIN event_logs
        WHERE event_logs.run_id = :run
          AND (clones.run_id <> (SELECT run_id FROM failing) OR dagster_event_type <> 'ASSET_MATERIALIZATION')
        ORDER BY n, id""",
    """INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)
       SELECT event.id, tag.asset_key, tag.key, tag.value, event.timestamp
         FROM event_logs AS event
         JOIN event_logs AS template
           ON template.run_id = :run AND template.dagster_event_type = event.dagster_event_type
         JOIN asset_event_tags AS tag ON tag.event_id = template.id
        WHERE event.run_id <> :run""",
    """INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
                                           evaluation_event_timestamp, evaluation_event_storage_id, create_timestamp)
       SELECT asset_key, check_name, clones.partition, clones.run_id, execution_status,
              replace(replace(evaluation_event, :run, clones.run_id), '"p0"', '"' || clones.partition || '"'),
              evaluation_event_timestamp - make_interval(secs => age), evaluation_event_storage_id,
              create_timestamp - make_interval(secs => age)
         FROM clones CROSS JOIN asset_check_executions AS template WHERE template.run_id = :run ORDER BY n""",
)
