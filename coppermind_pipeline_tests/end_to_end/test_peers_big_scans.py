"""Windows of more records than a search pages through, with one timestamp and within one hour, are read completely."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline.sync.pulling.scan import scan_modified
from coppermind_pipeline_tests.sync.reconciled import Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled

HOUR_MS = 3_600_000


@pytest.mark.slow
async def test_twelve_thousand_changes_on_one_millisecond_are_found_in_one_walk(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, from_the_middle = [], Position.from_the_middle
    monkeypatch.setattr(Position, "from_the_middle", lambda at: begun.append(at) or from_the_middle(at))
    async with unthrottled(database, tmp_path, contacts=12_000, companies=0, deals=0) as portal:
        changed = portal.portal.edit("contacts", None, {"city": "Utrecht"}, at_ms=portal.portal.now_ms())
        found = await _walked(portal)
        assert len(found) == len(set(found)) == changed
        assert changed > 10_000
        searches = portal.portal.requests(path="/search")
        # A page each; where two of the walks from both ends and the middle of so large a window meet, they take up to
        # four more to learn that they have, as some are under way by then: once for each middle, once for both ends.
        assert -(-changed // 200) <= len(searches) <= -(-changed // 200) + 4 * (len(begun) + 1)
        # Ids leap once, from thousands to billions: a middle that lies there is met before anything is read from it.
        assert 1 <= len(begun) <= 3
        assert {request.status for request in searches} == {200}


async def _walked(portal: Reconciling) -> list[str]:
    async with portal.context() as context:
        pages = scan_modified(
            context.client, ObjectType.CONTACTS, since=datetime(2020, 1, 1, tzinfo=UTC), properties=()
        )
        return [record.id async for page in pages for record in page.records]


@pytest.mark.slow
async def test_25_000_records_with_one_timestamp_are_read_completely(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path, contacts=25_000, companies=0, deals=0) as portal:
        at_ms = portal.portal.now_ms()
        portal.portal.edit("contacts", None, {"city": "Utrecht"}, at_ms=at_ms)
        assert (await portal.sync()).complete
        assert_equal_by_date(portal)
        # Once more as changes, which is what an import or a workflow makes of them.
        changed = portal.portal.edit("contacts", None, {"city": "Delft"}, at_ms=portal.portal.now_ms())
        assert (await portal.sync()).read[ObjectType.CONTACTS] == changed
        assert_equal_by_date(portal)


@pytest.mark.slow
async def test_120_000_records_modified_inside_one_hour_are_read_completely(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path, contacts=120_000, companies=0, deals=0) as portal:
        portal.portal.edit("contacts", None, {"city": "Utrecht"}, at_ms=portal.portal.now_ms(), spread_ms=HOUR_MS)
        assert (await portal.sync()).complete
        assert_equal_by_date(portal)


@pytest.mark.slow
async def test_25_000_records_sorted_as_text_are_read_completely(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path, contacts=25_000, companies=0, deals=0) as portal:
        portal.portal.set_switches(id_order="text_sort")
        portal.portal.edit("contacts", None, {"city": "Utrecht"}, at_ms=portal.portal.now_ms())
        assert (await portal.sync()).complete
        assert_equal_by_date(portal)
        assert len({len(record_id) for record_id in portal.live("contacts")}) > 1, "as text they sort otherwise"
        assert portal.connected.rows("SELECT by_list FROM hubspot_cursors WHERE object_type = 'contacts'")[0].by_list


def assert_equal_by_date(portal: Reconciling) -> None:
    """Assert that the store has each live record as of its last change, without holding a large portal in memory."""
    truth = {
        line["id"]: (line["modified_ms"], line["properties"]["city"])
        for line in portal.portal.export_lines()
        if line.get("object_type") == "contacts" and "id" in line and line["archived_ms"] is None
    }
    stored = {
        row.hubspot_id: (row.modified_ms, row.city)
        for row in portal.connected.rows(
            """SELECT hubspot_id, CAST(extract(epoch FROM modified_at) * 1000 AS bigint) AS modified_ms, city
                 FROM hubspot_crm_objects WHERE object_type = 'contacts' AND archived_at IS NULL"""
        )
    }
    assert stored == truth
