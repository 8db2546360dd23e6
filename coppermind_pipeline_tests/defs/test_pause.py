"""A paused installation asks for no work, and a run that is asked for by hand says why it does none."""

from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.defs import assets
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.sensors import (
    alerts,
    due_polls,
    due_reconciliations,
    due_syntheses,
    failing_portals,
    waiting_memories,
    wanted_syncs,
)
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, resume
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def paused(database: Database, local_customer: UUID, tmp_path: Path) -> Installation:
    """An installation with a connector that is due for everything."""
    portal = StoredPortal.create(database, local_customer)
    portal.execute("UPDATE connectors SET sync_requested_at = now() WHERE id = :connector")
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET paused_since = now()"))
    settings = Settings(home=tmp_path, alert_webhook_url=SecretStr("http://127.0.0.1:1/hook"))
    return Installation(settings, database)


def _skip_message(sensor: dg.SensorDefinition, installation: Installation) -> str:
    with dg.DagsterInstance.ephemeral() as instance:
        answer = sensor(dg.build_sensor_context(instance, resources={"installation": installation}))
    return (answer.skip_message or "") if isinstance(answer, dg.SkipReason) else ""


@pytest.mark.parametrize(
    "sensor",
    [wanted_syncs, due_polls, failing_portals, due_syntheses, waiting_memories, due_reconciliations, alerts],
)
def test_no_sensor_asks_for_work_until_it_is_resumed(paused: Installation, sensor: dg.SensorDefinition):
    assert "coppermind up --resume" in _skip_message(sensor, paused)
    resume(paused.database)
    assert "paused" not in _skip_message(sensor, paused)


def test_a_run_that_somebody_asks_for_fails_with_what_to_do(paused: Installation):
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("hubspot_connectors", ["acme-hubspot-0007"])
        with pytest.raises(dg.Failure, match="coppermind up --resume"):
            dg.materialize(assets.DRAIN, instance=instance, partition_key="acme-hubspot-0007",
                           resources={"installation": paused})  # fmt: skip
