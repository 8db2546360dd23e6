"""Polls that find nothing leave an observation once an hour and connector, with no run."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.metadata import idle_polls
from coppermind_pipeline.defs.metadata.observations import minutes_between
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import poll_started, poll_succeeded
from coppermind_pipeline_tests.connected import Connected, settings_for


@given(st.lists(st.floats(0.1, 7200), min_size=1, max_size=30))
def test_each_minute_of_the_hour_is_asked_for_once_an_hour_at_most(pauses_s):
    """However irregularly somebody looks, no minute comes again within less than an hour's beginnings."""
    now = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    told: dict[int, datetime] = {}
    for pause_s in pauses_s:
        last, now = now, now + timedelta(seconds=pause_s)
        asked = minutes_between(last, now)
        assert len(asked) == len(set(asked)) <= 60
        for minute in asked:
            assert minute not in told or now - told[minute] > timedelta(0)
            told[minute] = now
        begun = {(last + timedelta(minutes=ago + 1)).minute for ago in range(int(pause_s // 60))}
        assert begun <= set(asked)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=5, companies=5, deals=5, limits=False)) as running:
        yield running


def test_an_idle_poll_is_observed_once_an_hour(database: Database, sandbox: RunningSandbox, tmp_path: Path):
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
    connector = connected.connector
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS, [connector.id])
        cursor: str | None = None

        def look_every_minute_of(hour: datetime) -> int:
            nonlocal cursor
            for minute in range(60):
                with time_machine.travel(hour + timedelta(minutes=minute), tick=False):
                    context = dg.build_sensor_context(
                        instance=instance,
                        cursor=cursor,
                        resources={"installation": Installation(connected.settings, database)},
                    )
                    idle_polls(context)
                    cursor = context.cursor
            return len(instance.fetch_observations(dg.AssetKey("raw_deals"), limit=100).records)

        def poll(ended_at: datetime, run_id: str | None = None) -> None:
            with database.mind(connector.mind_id) as connection:
                poll_started(connection, connector.scope, run_id=run_id)
                poll_succeeded(connection, connector)
            _moved(database, connector.id, ended_at)

        hour = datetime(2026, 3, 1, 10, tzinfo=UTC)
        # Polls end between two looks, so none is an hour old to the second when its connector's minute comes.
        half_a_minute = timedelta(seconds=30)
        assert look_every_minute_of(hour) == 0  # never polled
        poll(hour + timedelta(minutes=59) + half_a_minute)
        assert look_every_minute_of(hour + timedelta(hours=1)) == 1
        assert look_every_minute_of(hour + timedelta(hours=2, minutes=1)) <= 2
        poll(hour + timedelta(hours=3) + half_a_minute)
        poll(hour + timedelta(hours=3, minutes=1) + half_a_minute)
        before = look_every_minute_of(hour + timedelta(hours=3, minutes=2))
        (record, *_) = instance.fetch_observations(dg.AssetKey("raw_deals"), limit=1).records
        observation = record.asset_observation
        assert observation is not None
        assert observation.partition == connector.id
        figures: dict[str, Any] = {name: value.value for name, value in observation.metadata.items()}
        assert figures["lag_minutes"] == pytest.approx(30, abs=31)
        assert figures["seconds"] == 1
        assert record.run_id == ""
        poll(hour + timedelta(hours=4, minutes=2) + half_a_minute, run_id="a run leaves materializations of its own")
        assert look_every_minute_of(hour + timedelta(hours=4, minutes=3)) == before


def _moved(database: Database, connector_id: str, ended_at: datetime) -> None:
    """Let the last poll have been at that time, by the database's book."""
    from sqlalchemy import text

    with database.administrator() as connection:
        connection.execute(
            text(
                """UPDATE coppermind.hubspot_polls
                      SET last_started_at = CAST(:at AS timestamptz) - interval '1 second', last_ended_at = :at,
                          last_succeeded_at = :at
                    WHERE connector_id = :connector"""
            ),
            {"at": ended_at, "connector": connector_id},
        )
