"""Five hundred days of versions and 20,000 of Dagster's runs, pruned while a portal is synced.

What Dagster shows stays, each kept moment is told as an oracle has it, and no transaction removes more than it may.
"""

import asyncio
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import dagster as dg
import pytest
from dagster_postgres import PostgresEventLogStorage
from pydantic import SecretStr
from sqlalchemy import Row, text

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import remove_old_log_entries
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.memories import remove_old_texts
from coppermind_pipeline.reports import BeforeHistory, ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, Kind, Removed, remove_old_runs, retained
from coppermind_pipeline.sync import remove_old_versions
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import end_well, start_sync
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

_HISTORY_DAYS, _RUNS_DAYS = 400, 14
# As the runbook says.
_ROWS_REMOVED_MAX = 2_000

_PASSES: Mapping[Kind, tuple[Callable[..., Removed], int]] = {
    Kind.RUNS: (remove_old_runs, _RUNS_DAYS),
    Kind.RECORDS: (remove_old_versions, _HISTORY_DAYS),
    Kind.MEMORIES: (remove_old_texts, _HISTORY_DAYS),
    Kind.LOGS: (remove_old_log_entries, _HISTORY_DAYS),
}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1_200, companies=200, deals=600, limits=False), process=True) as running:
        yield running


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_long_history_is_pruned_beside_a_sync(
    database: Database,
    database_url: str,
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    settings = settings_for(sandbox, tmp_path, database_url=SecretStr(database_url))
    connected = asyncio.run(Connected.create(database, settings))
    for amount in ("1", "2"):
        sandbox.control.edit("deals", None, {"amount": amount})
        end_well(start_sync(connected, database_url))
    for name, value in prepare_dagster_home(settings, database).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        _lengthen_history(connected)
        pages = _Pages(instance, database, connected.connector_id, runs=20_000, partitions=1_000)
        moments = _moments(database)
        expected, shown = [_open_amounts(connected, moment) for moment in moments], pages.shown()
        assert [_told(connected, moment) for moment in moments] == expected
        before, began = _sizes(database), monotonic()
        _count_removed_rows(database)
        removed = _prune_beside_syncs(connected, database_url, sandbox)
        took_s, after = monotonic() - began, _sizes(database)
        _tell(capsys, f"{removed} in {took_s:.0f} s, {before} -> {after}, {_rows_by_transaction(database)}")
        assert pages.shown() == shown
    assert _kept_since(database) == moments[0]
    assert [_told(connected, moment) for moment in moments] == expected
    with pytest.raises(BeforeHistory, match=re.escape(f"the earliest time possible is {moments[0].isoformat()}")):
        _told(connected, moments[0] - timedelta(seconds=1))
    assert max(row.rows for row in _rows_by_transaction(database)) <= _ROWS_REMOVED_MAX
    assert_store_equals_portal(connected, sandbox)


def _lengthen_history(connected: Connected) -> None:
    """Let everything have been there for 500 days: versions every ten days, texts, links and log entries that ended."""
    with connected.database.mind(connected.connector.mind_id) as connection:
        for statement in _LENGTHEN:
            connection.execute(text(statement), {"connector": connected.connector_id})
    with connected.database.owner() as connection:
        connection.execute(text("SELECT analyze_grown_tables()"))


def _moments(database: Database) -> list[datetime]:
    """Return the first moment that will be kept, one in the middle, and one of yesterday."""
    today = database.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=days) for days in (_HISTORY_DAYS, 133.3, 1)]


def _open_amounts(connected: Connected, moment: datetime) -> dict[str, Decimal]:
    """Return what open deals were worth, by currency, told version by version from all that was read."""
    held = {}
    for version in connected.rows(
        "SELECT hubspot_id, payload FROM hubspot_raw_records WHERE object_type = 'deals' AND read_at <= :moment "
        "ORDER BY version",
        moment=moment,
    ):
        held[version.hubspot_id] = version.payload
    amounts: dict[str, Decimal] = {}
    for deal in connected.rows("SELECT hubspot_id, currency FROM live_deals WHERE outcome = 'open'"):
        worth = Decimal(held[deal.hubspot_id]["amount"])
        amounts[deal.currency] = amounts.get(deal.currency, Decimal()) + worth
    return amounts


def _told(connected: Connected, moment: datetime) -> dict[str, Decimal]:
    """Return what a report of that time says open deals were worth."""
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    asked = ReportRequest.from_arguments({"as_of": moment.isoformat()})
    report = crm_report(connected.database, mind=mind, request=asked, now=datetime.now(UTC))
    return {each.currency or "": Decimal(each.amount) for each in report.summary.open.amounts}


def _prune_beside_syncs(connected: Connected, database_url: str, sandbox: RunningSandbox) -> dict[Kind, int]:
    """Pass over everything, always while a sync is at work; return how many rows of each kind went."""
    removed, left, edits = dict.fromkeys(_PASSES, 0), dict(_PASSES), 0
    while left:
        edits += 1
        sandbox.control.edit("deals", None, {"description": f"edit {edits}"})
        syncing = start_sync(connected, database_url)
        is_over = partial(_has_ended, syncing)
        while left and not is_over():
            kind, (remove, days) = next(iter(left.items()))
            done = remove(connected.database, days=days, time_is_up=is_over)
            removed[kind] += done.rows
            if done.complete:
                del left[kind]
        end_well(syncing)
    return removed


def _has_ended(process: subprocess.Popen[str]) -> bool:
    return process.poll() is not None


def _kept_since(database: Database) -> datetime | None:
    with database.scheduler() as connection:
        return next(each.kept_since for each in retained(connection) if each.kind is Kind.RECORDS)


def _count_removed_rows(database: Database) -> None:
    """Have the database note how many rows of which table each transaction removes."""
    with database.administrator() as connection:
        connection.exec_driver_sql(_COUNTING)
        for table in _PRUNED:
            connection.exec_driver_sql(
                f"""CREATE TRIGGER count_removed AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
                    FOR EACH STATEMENT EXECUTE FUNCTION counting.note()"""
            )


def _rows_by_transaction(database: Database) -> Sequence[Row[Any]]:
    """Return, for each table, how many rows one transaction removed at most, and how many all did."""
    with database.administrator() as connection:
        return connection.execute(text(_MOST_REMOVED)).all()


def _sizes(database: Database) -> dict[str, int]:
    with database.administrator() as connection:
        size = text("SELECT pg_total_relation_size(:table) >> 20")
        return {table: connection.execute(size, {"table": table}).scalar_one() for table in _PRUNED}


def _tell(capsys: pytest.CaptureFixture[str], said: str) -> None:
    with capsys.disabled():
        print(f"\n{said}", flush=True)  # noqa: T201


class _Pages:
    """What Dagster's pages show of many connectors, whose runs are cloned from a connector's real ones."""

    def __init__(
        self, instance: dg.DagsterInstance, database: Database, connector_id: str, *, runs: int, partitions: int
    ) -> None:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        self.instance, self.storage = instance, instance.event_log_storage
        self.partitions = [f"portal-{number:04}" for number in range(partitions)]
        instance.add_dynamic_partitions(PARTITIONS, self.partitions)
        with database.dagster() as connection:
            for statement in _CLONE_RUNS:
                connection.execute(text(statement), {"connector": connector_id, "runs": runs, "partitions": partitions})
            rows = connection.execute(text("SELECT DISTINCT asset_key, check_name FROM asset_check_executions"))
            found = [(dg.AssetKey.from_db_string(key), name) for key, name in rows]
        self.checks = [dg.AssetCheckKey(key, name) for key, name in found if key is not None]
        self.assets = [key for key in instance.all_asset_keys() if instance.get_materialized_partitions(key)]

    def shown(self) -> dict[str, Any]:
        """Return of the clones what is materialized, by which events, and how checks turned out."""
        cloned = set(self.partitions)
        materialized = {
            key: {
                partition: event
                for partition, event in self.storage.get_latest_storage_id_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION
                ).items()
                if partition in cloned
            }
            for key in self.assets
        }
        return {
            "partitions": {key: self.instance.get_materialized_partitions(key) & cloned for key in self.assets},
            "events": materialized,
            "checks": {
                (info.check_key, info.partition_key): info
                for info in self.storage.get_asset_check_partition_info(self.checks)
                if info.partition_key in cloned
            },
        }


# Of each record as it was read: fifty versions, ten days apart, the last of which is what the portal has.
_LENGTHEN = (
    """UPDATE connectors SET created_at = created_at - interval '600 days' WHERE id = :connector""",
    """UPDATE hubspot_backfills SET first_completed_at = first_completed_at - interval '500 days'
        WHERE connector_id = :connector""",
    """UPDATE hubspot_raw_records SET read_at = read_at - interval '500 days' WHERE connector_id = :connector""",
    """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, seq, content_hash, modified_at,
                                        read_at, definitions_hash, payload)
       SELECT connector_id, mind_id, object_type, hubspot_id, seq,
              CASE WHEN k = 50 THEN content_hash ELSE decode(md5(hubspot_id || ' ' || k), 'hex') END, modified_at,
              now() - make_interval(hours => CAST(24 * (500 - 9.9 * k) AS int) - abs(hashtext(hubspot_id) % 96))
                  AS read_then,
              definitions_hash,
              CASE WHEN k = 50 THEN payload
                   ELSE CAST(regexp_replace(CAST(payload AS text), '"amount":"[^"]*"',
                                            '"amount":"' || 100 * k + abs(hashtext(hubspot_id) % 100) || '"') AS json)
               END
         FROM (SELECT DISTINCT ON (object_type, hubspot_id) * FROM hubspot_raw_records
                WHERE connector_id = :connector ORDER BY object_type, hubspot_id, version DESC) AS newest
        CROSS JOIN generate_series(1, 50) AS k
        ORDER BY read_then""",
    """INSERT INTO memories (id, mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id,
                             as_of, created_at, superseded_at, search)
       OVERRIDING SYSTEM VALUE
       SELECT -row_number() OVER (), mind_id, connector_id, type, sensitivity, content || k, source_ref, object_type,
              hubspot_id, as_of, now() - make_interval(days => 525 - 25 * k),
              now() - make_interval(days => 500 - 25 * k), search
         FROM memories CROSS JOIN generate_series(1, 19) AS k
        WHERE superseded_at IS NULL AND retired_at IS NULL AND aggregate_scope IS NULL""",
    """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from,
                                         valid_to)
       SELECT connector_id, mind_id, from_type, from_id, to_type, to_id, now() - make_interval(days => 500 - 20 * k),
              now() - make_interval(days => 490 - 20 * k)
         FROM hubspot_associations CROSS JOIN generate_series(1, 20) AS k""",
    """INSERT INTO connector_events (connector_id, mind_id, severity, code, message, at)
       SELECT :connector, current_mind(), 'info', 'told', 'What was told.', now() - make_interval(mins => 36 * n)
         FROM generate_series(20000, 1, -1) AS n""",
)

# Each clone has its place in sixty days, and its partition its turn with each of the real runs.
_CLONE_RUNS = (
    """CREATE TEMPORARY TABLE templates ON COMMIT DROP AS
       SELECT run_id AS template, row_number() OVER (ORDER BY id) - 1 AS place FROM runs WHERE status = 'SUCCESS'""",
    """CREATE TEMPORARY TABLE clones ON COMMIT DROP AS
       SELECT n, template, CAST(gen_random_uuid() AS text) AS run_id,
              'portal-' || lpad(CAST(n % :partitions AS text), 4, '0') AS partition,
              60.0 * 86400 * (:runs - n) / :runs AS age
         FROM generate_series(1, CAST(:runs AS int)) AS n
         JOIN templates ON place = n / :partitions % (SELECT count(*) FROM templates)""",
    """INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, create_timestamp,
                         update_timestamp, start_time, end_time)
       SELECT clones.run_id, snapshot_id, pipeline_name, mode, status,
              replace(replace(run_body, template, clones.run_id), :connector, clones.partition), clones.partition,
              create_timestamp - make_interval(secs => age), update_timestamp - make_interval(secs => age),
              start_time - age, end_time - age
         FROM clones JOIN runs ON runs.run_id = template ORDER BY n""",
    """INSERT INTO run_tags (run_id, key, value)
       SELECT clones.run_id, key, replace(value, :connector, clones.partition)
         FROM clones JOIN run_tags ON run_tags.run_id = template""",
    """CREATE TEMPORARY TABLE cloned_events ON COMMIT DROP AS
       SELECT nextval(pg_get_serial_sequence('event_logs', 'id')) AS id, found.*
         FROM (SELECT n, event.id AS template_id FROM clones JOIN event_logs AS event ON event.run_id = template
                ORDER BY n, event.id) AS found""",
    """CREATE INDEX ON cloned_events (template_id, n)""",
    """INSERT INTO event_logs (id, run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
       SELECT cloned.id, clones.run_id, replace(replace(event, template, clones.run_id), :connector, clones.partition),
              dagster_event_type, timestamp - make_interval(secs => age), step_key, asset_key,
              replace(event_logs.partition, :connector, clones.partition)
         FROM cloned_events AS cloned JOIN clones USING (n) JOIN event_logs ON event_logs.id = template_id
        ORDER BY cloned.id""",
    """INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)
       SELECT cloned.id, asset_key, key, replace(value, :connector, clones.partition),
              event_timestamp - make_interval(secs => age)
         FROM cloned_events AS cloned
         JOIN clones USING (n)
         JOIN asset_event_tags AS tag ON tag.event_id = template_id""",
    """INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
                                           evaluation_event_timestamp, evaluation_event_storage_id,
                                           materialization_event_storage_id, create_timestamp)
       SELECT asset_key, check_name, clones.partition, clones.run_id, execution_status,
              replace(replace(evaluation_event, template, clones.run_id), :connector, clones.partition),
              evaluation_event_timestamp - make_interval(secs => age), evaluated.id, materialized.id,
              create_timestamp - make_interval(secs => age)
         FROM clones
         JOIN asset_check_executions AS evaluation ON evaluation.run_id = template
         LEFT JOIN cloned_events AS evaluated
           ON evaluated.template_id = evaluation_event_storage_id AND evaluated.n = clones.n
         LEFT JOIN cloned_events AS materialized
           ON materialized.template_id = materialization_event_storage_id AND materialized.n = clones.n
        ORDER BY clones.n, evaluation.id""",
)

_PRUNED = (
    "coppermind.hubspot_raw_records", "coppermind.hubspot_associations", "coppermind.memories",
    "coppermind.memory_lexemes", "coppermind.connector_events", "dagster.event_logs", "dagster.asset_event_tags",
    "dagster.asset_check_executions", "dagster.runs", "dagster.run_tags",
)  # fmt: skip
_COUNTING = """
CREATE SCHEMA counting;
CREATE TABLE counting.removed (transaction xid8, removed_from text, rows bigint);
CREATE FUNCTION counting.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO counting.removed SELECT pg_current_xact_id(), TG_TABLE_NAME, count(*) FROM gone HAVING count(*) > 0;
    RETURN NULL;
END $$
"""
_MOST_REMOVED = """
SELECT removed_from, max(rows) AS rows, sum(rows) AS in_all, count(*) AS transactions
  FROM (SELECT removed_from, transaction, sum(rows) AS rows FROM counting.removed GROUP BY GROUPING SETS
           ((removed_from, transaction), (transaction))) AS of_transactions
 GROUP BY removed_from ORDER BY removed_from
"""
