"""Objects recorded from HubSpot come through sandbox, sync and normalization as they were, property by property."""

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coppermind_pipeline import crm
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling

# HubSpot spells these moments in more than one way, and repeats them beside the properties; the moment is what counts.
MOMENTS = {"createdate": "createdAt", "lastmodifieddate": "updatedAt", "hs_lastmodifieddate": "updatedAt"}

Values = dict[str, dict[str, set[str]]]


@pytest.fixture
def recorded(real_data: Path) -> Values:
    """Every value recorded of each record, by id and property: a record may have been recorded in several states."""
    found: Values = defaultdict(lambda: defaultdict(set))
    for path in sorted((real_data / "hubspot-api" / "objects").glob("*.json")):
        for record in _records(json.loads(path.read_bytes())):
            for name, value in record["properties"].items():
                if value is not None:
                    found[str(record["id"])][name].add(str(value))
                    found[str(record["id"])][name].update(filter(None, [record.get(MOMENTS.get(name, ""))]))
    return found


def _records(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if "id" in document and isinstance(document.get("properties"), dict):
            yield document
        for member in document.values():
            yield from _records(member)
    elif isinstance(document, list):
        for member in document:
            yield from _records(member)


@pytest.fixture
def sandbox(real_data: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(load=real_data / "hubspot-api", limits=False)) as running:
        yield running


async def test_recorded_objects_come_out_equal(
    database: Database, sandbox: RunningSandbox, tmp_path: Path, recorded: Values
):
    since = {"hubspot_backfill_since": "2010-01-01T00:00:00Z"}
    portal = Reconciling(await Connected.create(database, settings_for(sandbox, tmp_path), config=since), sandbox)
    assert (await portal.sync()).complete
    portal.assert_equal()

    compared = 0
    for object_type in ObjectType:
        for record_id in portal.live(object_type):
            row, truth = portal.stored(object_type, record_id), recorded[record_id]
            assert truth, f"{object_type} {record_id} was not recorded"
            for name, values in truth.items():
                assert _same(name, row.properties.get(name), values), f"{object_type} {record_id} {name}"
                compared += 1
            assert_columns_say_the_same(object_type, row)
    assert compared > 800
    assert {len(portal.live(object_type)) > 20 for object_type in ObjectType} == {True}


def _same(name: str, stored: str | None, values: set[str]) -> bool:
    if name in MOMENTS and stored is not None:
        moments = {crm.read_datetime(value) for value in values} - {None}
        return not moments or crm.read_datetime(stored) in moments  # some recordings are blanked out
    return stored in values


def assert_columns_say_the_same(object_type: ObjectType, row: Any) -> None:
    properties = row.properties
    assert row.malformed == []
    assert row.created_at == crm.read_datetime(properties["createdate"])
    assert row.source == properties.get("hs_analytics_source")
    if object_type is ObjectType.DEALS:
        amount = properties.get("amount")
        assert row.amount == (Decimal(amount) if amount else None)
        assert row.name == (properties.get("dealname") or "").strip() or row.name is None
        assert row.stage_id == properties.get("dealstage")
        closed = properties.get("closedate")
        assert row.close_at == (crm.read_datetime(closed) if closed else None)
    elif object_type is ObjectType.CONTACTS:
        assert row.email == (properties["email"].lower() if properties.get("email") else None)
        assert row.lifecycle_stage == properties.get("lifecyclestage")
    else:
        assert row.domain == properties.get("domain")
