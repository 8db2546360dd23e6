"""A backup that was made while a sync ran goes on in another installation as if nothing had happened."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Backup, Database, InstallationPaused, backup, restore, resume
from coppermind_pipeline.sync import Progress
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1500, companies=300, deals=400, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path / "home")))


def _live_records_and_memories(database: Database) -> list[tuple[str, ...]]:
    with database.reader() as connection:
        rows = connection.execute(
            text(
                """SELECT object_type, hubspot_id, coalesce(source, ''), coalesce(outcome, '') FROM hubspot_crm_objects
                    WHERE archived_at IS NULL
                   UNION ALL
                   SELECT type, source_ref, content, '' FROM memories
                    WHERE superseded_at IS NULL AND retired_at IS NULL AND aggregate_scope IS NULL
                   ORDER BY 1, 2"""
            )
        )
        return [tuple(row) for row in rows]


@pytest.mark.slow
def test_a_backup_of_a_running_sync_goes_on_from_there(connected: Connected, empty_database: Database, tmp_path: Path):
    saved: list[Future[Backup]] = []
    with ThreadPoolExecutor(1) as pool:

        def save_meanwhile(progress: Progress) -> None:
            if not saved and progress.done:
                saved.append(pool.submit(backup, connected.database, tmp_path / "backup"))

        finished = sync_connector(
            connected.database, connected.settings, connected.connector_id, until_complete=True,
            on_progress=save_meanwhile,
        )  # fmt: skip
        assert finished.complete
        assert saved[0].result().size > 0
    restore(empty_database, tmp_path / "backup")
    with empty_database.reader() as connection:
        assert connection.execute(text("SELECT completed_at FROM hubspot_backfills")).scalar_one() is None
    with pytest.raises(InstallationPaused):
        sync_connector(empty_database, connected.settings, connected.connector_id)
    resume(empty_database)
    assert sync_connector(empty_database, connected.settings, connected.connector_id, until_complete=True).complete
    assert _live_records_and_memories(empty_database) == _live_records_and_memories(connected.database)
