"""Portals that hang, fail or are revoked are nobody else's trouble: they are looked at apart, and take a run last."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import dagster as dg
import pytest

from coppermind_pipeline.defs import assets, sensors
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.hubspot import RetryLimits
from coppermind_pipeline.hubspot.http import silence
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.polling import probing
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.crowd import Crowd

_NOTED = """SELECT failures, last_error ->> 'code' AS error, last_error ->> 'message' AS message,
                   (SELECT max(code) FROM connector_problems WHERE connector_id = :connector) AS problem
              FROM hubspot_polls JOIN connectors ON connectors.id = connector_id WHERE connector_id = :connector"""


@pytest.fixture
async def crowd(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Crowd]:
    with Crowd.of_size(request.param, database, tmp_path) as crowd:
        await crowd.connect(request.param, idle=request.param)
        yield crowd


def _tick(sensor: dg.SensorDefinition, crowd: Crowd) -> list[dg.RunRequest]:
    with dg.DagsterInstance.ephemeral() as instance:
        answer = sensor(dg.build_sensor_context(instance, resources={"installation": crowd.installation}))
    return list(answer.run_requests or []) if isinstance(answer, dg.SensorResult) else []


def _sync(crowd: Crowd, member: Connected) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS, [member.connector_id])
        return dg.materialize(assets.SYNC, instance=instance, partition_key=member.connector_id,
                              resources={"installation": crowd.installation}, raise_on_error=False)  # fmt: skip


def _spoil(crowd: Crowd, member: Connected, how: str) -> None:
    control, hub_id = crowd.sandbox.control, member.connector.hub_id
    if how == "revoked":
        control.uninstall(hub_id=hub_id)
    elif how == "hangs":
        control.add_fault(Fault(hub_id=hub_id, delay_ms=600_000, count=None))
    else:
        control.add_fault(Fault(hub_id=hub_id, status=502, body="Bad gateway", count=None))


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [12], indirect=True)
async def test_in_one_tick_the_healthy_are_polled_and_the_others_noted(crowd: Crowd, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probing, "REQUEST_MAX_S", 3.0)
    monkeypatch.setattr(probing, "PROBE_MAX_S", 5.0)
    kinds = ["hangs"] * 3 + ["fails"] * 3 + ["revoked"] * 2 + ["healthy"] * 4
    spoilt, healthy = list(zip(kinds, crowd.members, strict=True))[:8], crowd.members[8:]
    for how, member in spoilt:
        _spoil(crowd, member, how)
    crowd.sleep("1 day")
    assert _tick(sensors.due_polls, crowd) == []
    assert crowd.due() == []
    for member in healthy:
        assert member.rows(_NOTED)[0].failures == 0
    for how, member in spoilt:
        noted = member.rows(_NOTED)[0]
        assert noted.failures == 1
        if how == "revoked":
            assert noted.problem in {"authorization_revoked", "token_rejected"}
        else:
            assert noted.error == "portal_unavailable"
            assert noted.message.startswith("HubSpot does not answer for this portal: ")

    crowd.sleep("15 minutes")  # the healthy are due, and so are those that failed; who needs a person rests
    assert len(crowd.due()) == 10
    assert _tick(sensors.due_polls, crowd) == []
    assert {member.connector_id for _, member in spoilt[:6]} == set(crowd.due()), "nobody healthy waits for them"
    assert _tick(sensors.failing_portals, crowd) == []
    assert crowd.due() == []
    assert [member.rows(_NOTED)[0].failures for _, member in spoilt] == [2] * 6 + [1] * 2

    crowd.sandbox.control.clear_faults()
    crowd.sleep("2 minutes")
    assert _tick(sensors.failing_portals, crowd) == [], "one that answers again and has nothing new takes no run"
    assert [member.rows(_NOTED)[0].failures for _, member in spoilt] == [0] * 6 + [1] * 2


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_portal_that_answers_again_with_news_takes_the_one_place_of_those(crowd: Crowd):
    member = crowd.members[0]
    _spoil(crowd, member, "fails")
    crowd.sleep("1 day")
    assert _tick(sensors.due_polls, crowd) == []
    crowd.sandbox.control.clear_faults()
    hub_id = member.connector.hub_id
    deals = crowd.sandbox.control.export(hub_id=hub_id).live("deals")
    crowd.sandbox.control.edit("deals", [next(iter(deals))], {"amount": "5"}, hub_id=hub_id)
    crowd.sleep("1 minute")
    assert _tick(sensors.wanted_syncs, crowd) == []
    (request,) = _tick(sensors.failing_portals, crowd)
    assert request.partition_key == member.connector_id
    assert request.tags["coppermind/failing-portal"] == "true"


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_failing_backfill_takes_a_run_once_hubspot_answers(crowd: Crowd):
    member = crowd.members[0]
    member.rows("UPDATE hubspot_backfills SET completed_at = NULL WHERE connector_id = :connector RETURNING since")
    crowd.sleep("1 minute")
    (request,) = _tick(sensors.wanted_syncs, crowd)
    assert (request.partition_key, request.tags["coppermind/long"]) == (member.connector_id, "background")
    assert "coppermind/failing-portal" not in request.tags
    member.rows(
        """UPDATE hubspot_polls SET failures = 1, last_failed_at = last_started_at
            WHERE connector_id = :connector RETURNING failures"""
    )
    _spoil(crowd, member, "fails")
    crowd.sleep("1 minute")
    assert _tick(sensors.wanted_syncs, crowd) == []
    assert _tick(sensors.failing_portals, crowd) == []
    assert member.rows(_NOTED)[0].failures == 2
    crowd.sandbox.control.clear_faults()
    crowd.sleep("2 minutes")
    (request,) = _tick(sensors.failing_portals, crowd)
    assert (request.partition_key, request.tags["coppermind/failing-portal"]) == (member.connector_id, "true")


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [1], indirect=True)
@pytest.mark.parametrize("how", ["hangs", "fails"])
async def test_a_run_tries_a_portal_that_does_not_answer_once_for_all_of_its_steps(
    crowd: Crowd, how: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(silence, "SILENCE_MAX_S", 0.5)
    monkeypatch.setattr(silence, "SIGN_OF_LIFE_MAX_S", 0.5)
    monkeypatch.setattr(RetryLimits.__init__, "__defaults__", (3, 120.0, 10.0))
    (member,) = crowd.members
    _spoil(crowd, member, how)
    crowd.sandbox.control.clear_log()
    result = await asyncio.to_thread(_sync, crowd, member)
    failed = {event.step_key for event in result.all_events if event.is_step_failure}
    assert failed == {"property_definitions", "pipelines", "owners"}
    asked = {request.path.split("/")[2] for request in crowd.sandbox.control.requests()}
    assert len(asked - {"account-info"}) == (1 if how == "fails" else 0), "what hangs is not in the sandbox's log"
    noted = member.rows(_NOTED)[0]
    assert (noted.failures, noted.error) == (1, "portal_unavailable")
