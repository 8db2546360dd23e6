"""A run that nobody works on is told by its process's silence, wherever that was, and not before a second look."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from coppermind_pipeline.defs.installation import Installation, as_resource
from coppermind_pipeline.defs.runs import ORPHANED
from coppermind_pipeline.defs.upkeep.lost_runs import lost_runs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, heard_of, silent_runs


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dg.job
def _their_job() -> None:
    """Stand for a run on whatever machine."""


def _begun(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    return instance.create_run_for_job(_their_job, status=status).run_id


def _look(instance: dg.DagsterInstance, database: Database, *, cursor: str | None) -> str | None:
    installation = Installation(Settings(home=Path("/nowhere")), database)
    context = dg.build_sensor_context(instance, cursor=cursor, resources={"installation": installation})
    lost_runs(context)
    return context.cursor


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def _grow_silent(database: Database, run_id: str) -> None:
    with database.nobody() as connection:
        connection.execute(
            text("UPDATE run_heartbeats SET beat_at = now() - interval '46 s' WHERE run_id = :id"), {"id": run_id}
        )


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
def test_a_run_that_is_not_heard_of_at_two_looks_is_failed(instance, database: Database, status):
    lost = _begun(instance, status)
    with heard_of(database, heard := _begun(instance)):
        cursor = _look(instance, database, cursor=None)
        assert _status(instance, lost) == status
        assert _look(instance, database, cursor=cursor) == ""
    assert _status(instance, lost) == dg.DagsterRunStatus.FAILURE
    assert _status(instance, heard) == dg.DagsterRunStatus.STARTED
    assert ORPHANED in "".join(entry.message for entry in instance.all_logs(lost))


def test_whoever_is_heard_of_again_is_not_lost(instance, database: Database):
    """A database that was away has heard of nobody; nor has one whose machine slept."""
    with heard_of(database, run_id := _begun(instance)):
        _grow_silent(database, run_id)
        cursor = _look(instance, database, cursor=None)
        assert cursor == run_id
        with heard_of(database, run_id):  # its next beat
            assert _look(instance, database, cursor=cursor) == ""
    assert _status(instance, run_id) == dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_what_waits_for_a_process_is_not_lost(instance, database: Database, status):
    run_id = _begun(instance, status)
    assert _look(instance, database, cursor=run_id) == ""
    assert _status(instance, run_id) == status


def test_a_run_is_heard_of_from_its_beginning_to_its_end(instance, database: Database, tmp_path: Path):
    @dg.asset
    def working(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> None:
        while silent_runs(installation.database, [context.run.run_id]):
            pass

    installed = Installation(Settings(home=tmp_path), database)
    resources = {"installation": as_resource(lambda: installed)}
    run_id = dg.materialize([working], instance=instance, resources=resources).run_id
    assert silent_runs(database, [run_id]) == {run_id}
    with database.nobody() as connection:
        assert connection.scalar(text("SELECT count(*) FROM run_heartbeats")) == 0
