"""What is done beside a pull leaves what the steps after it would, and is counted as theirs."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from coppermind_pipeline.defs import ahead
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.pulling import pull
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import stored

_COUNTED = {
    "hubspot_crm_objects": ("versions_read", "rows_changed", "values_malformed"),
    "hubspot_associations": ("links_begun", "links_ended", "backfill_completed"),
    "record_memories": ("queued", "retired"),
}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1_500, companies=100, deals=150, limits=False)) as running:
        yield running


@pytest.mark.slow
def test_memories_made_beside_a_pull_are_those_made_after_it(
    database: Database, sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    queued_ahead = {"map_records": 0, "map_deals_ahead": 0}

    def recorded(name: str, mapping: Callable[..., ahead.Mapped]) -> Callable[..., ahead.Mapped]:
        def map_recorded(*args: Any, **kwargs: Any) -> ahead.Mapped:
            mapped = mapping(*args, **kwargs)
            queued_ahead[name] += mapped.queued
            if all(queued_ahead.values()):
                sandbox.control.clear_faults()
            return mapped

        return map_recorded

    def broken(*_: Any, **__: Any) -> ahead.Mapped:
        sandbox.control.clear_faults()
        raise ZeroDivisionError

    outcomes = {}
    for name in queued_ahead:
        monkeypatch.setattr(ahead, name, recorded(name, getattr(ahead, name)))
    for name in ("after", "beside", "failing"):
        if name == "failing":
            monkeypatch.setattr(ahead, "map_deals_ahead", broken)
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path), mind=name))
        assert sync_connector(database, connected.settings, connected.connector_id, until_complete=True).complete
        outcomes[name] = stored(connected), _counted()
        # The contacts' pages wait until something was mapped beside them.
        sandbox.control.add_fault(Fault(path="contacts/search", delay_ms=3_000, count=None))
        monkeypatch.setattr(pull, "FOLLOW_AFTER_S", 0.02)
        monkeypatch.setattr(pull, "FOLLOW_EVERY_S", 0.02)
        monkeypatch.setattr(pull, "NORMALIZING_SHARE_MAX", 1_000.0)
    assert queued_ahead["map_records"] > 50
    assert queued_ahead["map_deals_ahead"] > 20
    assert outcomes["beside"] == outcomes["failing"] == outcomes["after"]


def _counted() -> dict[str, list[Any]]:
    """Return what the steps of the last run counted."""
    with dg.DagsterInstance.get() as instance:
        counted = {}
        for asset, figures in _COUNTED.items():
            (record,) = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
            assert record.asset_materialization is not None
            counted[asset] = [record.asset_materialization.metadata[figure].value for figure in figures]
        return counted
