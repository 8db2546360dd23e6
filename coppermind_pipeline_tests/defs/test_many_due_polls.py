"""Many connectors due at once: ticks of the sensor work them off, and what is queued behind polls holds none up."""

from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from coppermind_pipeline.defs.sensors import due_polls
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.crowd import Crowd


@pytest.fixture
async def crowd(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Crowd]:
    portals, idle = request.param
    with Crowd.of_size(portals, database, tmp_path) as crowd:
        await crowd.connect(portals, idle=idle)
        yield crowd


@pytest.mark.parametrize("crowd", [(1, 1)], indirect=True)
@pytest.mark.parametrize(
    ("job", "status", "probed"),
    [("reconcile", "QUEUED", True), ("synthesis", "QUEUED", True), ("sync", "QUEUED", False),
     ("reconcile", "STARTED", False)],
)  # fmt: skip
async def test_a_poll_waits_for_no_run_that_is_queued_behind_it(crowd: Crowd, job: str, status: str, probed: bool):
    crowd.sleep("1 day")
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all")
    run = dg.DagsterRun(
        job_name=job,
        status=dg.DagsterRunStatus(status),
        tags={"dagster/partition": crowd.members[0].connector_id},
        remote_job_origin=RemoteJobOrigin(location, job),  # whatever is queued has one
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(run)
        due_polls(dg.build_sensor_context(instance, resources={"installation": crowd.installation}))
    assert (crowd.due() == []) is probed


@pytest.mark.soak
@pytest.mark.parametrize("crowd", [(300, 290)], indirect=True)
async def test_three_hundred_due_connectors_are_worked_off_tick_by_tick(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
):
    for asleep in ("16 minutes", "1 day"):
        crowd.sleep(asleep)
        still_due, tick = len(crowd.idle) + 1, 0
        asked_for: set[str | None] = set()  # portals that a busy machine finds too slow for a probe get a run
        while (crowd.idle - asked_for) & set(crowd.due()):
            tick += 1
            began = monotonic()
            with dg.DagsterInstance.ephemeral() as instance:
                answer = due_polls(dg.build_sensor_context(instance, resources={"installation": crowd.installation}))
            if isinstance(answer, dg.SensorResult):
                asked_for |= {request.partition_key for request in answer.run_requests or []}
            took_s, left = monotonic() - began, len((crowd.idle - asked_for) & set(crowd.due()))
            with capsys.disabled():
                print(f"\n{asleep}, tick {tick}: {took_s:.1f} s, {left} idle connectors still due")  # noqa: T201
            assert took_s < 60
            assert left < still_due
            still_due = left
