"""Work that nobody waits for leaves room: it is asked for two at a time, and gives way to polls."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from coppermind_pipeline.defs import assets, sensors
from coppermind_pipeline.defs.home import SHIPPED
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import turns
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.stored_portal import StoredPortal

_PORTALS = 8


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def installation(database: Database, local_customer: UUID, tmp_path: Path) -> Installation:
    """Return an installation of portals whose reconciliations are all due, and whose polls are not."""
    for n in range(1, _PORTALS + 1):
        StoredPortal.create(database, local_customer, mind=f"client{n}", hub_id=n).execute(
            "UPDATE hubspot_polls SET last_started_at = now() WHERE connector_id = :connector"
        )
    return Installation(Settings(home=tmp_path), database)


def _tick(instance: dg.DagsterInstance, installation: Installation) -> list[dg.RunRequest]:
    """Let the sensor look once, and queue what it asks for as the daemon does."""
    answer = sensors.due_reconciliations(dg.build_sensor_context(instance, resources={"installation": installation}))
    requests = list(answer.run_requests or []) if isinstance(answer, dg.SensorResult) else []
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all")
    for request in requests:
        run = dg.DagsterRun(
            job_name="reconcile",
            status=dg.DagsterRunStatus.QUEUED,
            tags={
                **request.tags,
                "dagster/partition": str(request.partition_key),
                "dagster/run_key": str(request.run_key),
            },
            remote_job_origin=RemoteJobOrigin(location, "reconcile"),
        )
        instance.add_run(run)
    return requests


def test_of_many_due_reconciliations_two_are_queued_and_the_next_when_one_ends(
    instance: dg.DagsterInstance, installation: Installation
):
    first = _tick(instance, installation)
    assert len(first) == sensors.AT_ONCE_MAX == 2
    assert {request.tags["coppermind/long"] for request in first} == {"background"}
    assert _tick(instance, installation) == []
    # One that failed is due as before, and its turn is asked for already: it keeps no other from its own.
    instance.report_run_failed(instance.get_runs()[0])
    (following,) = _tick(instance, installation)
    assert following.partition_key not in {request.partition_key for request in first}


def test_long_runs_leave_a_place_to_polls_and_to_what_a_person_asked_for():
    runs = yaml.safe_load(SHIPPED.read_text())["concurrency"]["runs"]
    limits = {(each["key"], each.get("value")): each["limit"] for each in runs["tag_concurrency_limits"]
              if not isinstance(each.get("value"), dict)}  # fmt: skip
    assert limits["coppermind/long", "background"] < limits["coppermind/long", None] < runs["max_concurrent_runs"]
    assert limits["coppermind/failing-portal", None] == 1


@pytest.mark.slow
async def test_a_reconciliation_gives_way_to_a_poll_and_goes_on_after_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
):
    monkeypatch.setattr(turns, "SLICE_WHEN_POLL_WAITS_S", 0.0)
    monkeypatch.setattr(turns, "LOOK_FOR_POLL_S", 0.0)
    with Crowd.of_size(1, database, tmp_path) as crowd:
        await crowd.connect(1, idle=1)
        (member,) = crowd.members
        instance.add_dynamic_partitions(PARTITIONS, [member.connector_id])

        def reconcile() -> bool:
            result = dg.materialize(assets.RECONCILIATION, instance=instance, partition_key=member.connector_id,
                                    resources={"installation": crowd.installation})  # fmt: skip
            (done,) = result.asset_materializations_for_node("reconciliation")
            return bool(done.metadata["complete"].value)

        crowd.sleep("1 day")
        assert not await asyncio.to_thread(reconcile), "the poll is due"
        due = crowd.due()
        context = dg.build_sensor_context(instance, resources={"installation": crowd.installation})
        assert isinstance(sensors.due_reconciliations(context), dg.SkipReason), "nor is another slice asked for"
        sensors.due_polls(dg.build_sensor_context(instance, resources={"installation": crowd.installation}))
        assert (due, crowd.due()) == ([member.connector_id], [])
        assert await asyncio.to_thread(reconcile), "it goes on where it stood"
