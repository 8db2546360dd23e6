"""What the stations of a sync hold at a time, in what order, and what they keep of records that come twice."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.json_text import sorted_json
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope
from coppermind_pipeline.sync.normalizing import associations, attribution
from coppermind_pipeline.sync.normalizing.normalize import normalize
from coppermind_pipeline.sync.raw import records as raw_records
from coppermind_pipeline_tests.unthrottled import unthrottled

_WAITING = """SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_LINKING_CHECKPOINTS = "SELECT seq FROM pipeline_stages WHERE stage IN ('link', 'attribute') ORDER BY stage"


async def test_deals_are_attributed_a_bounded_number_at_a_time(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    attributed: list[int] = []
    attribute = associations.attribute

    def counted(connection, ids, deals, **options):
        attributed.append(len(deals))
        return attribute(connection, ids, deals, **options)

    monkeypatch.setattr(associations, "attribute", counted)
    for module in (associations, attribution):
        monkeypatch.setattr(module, "DEALS_AT_ONCE", 10)
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        deals = portal.connected.rows("SELECT count(*) AS n FROM hubspot_crm_objects WHERE object_type = 'deals'")[0].n
    assert max(attributed) <= 10 < deals == sum(attributed)


async def test_linking_writes_each_deal_once_and_attributes_none_again_the_next_time(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def numbers_given() -> int:
        with database.administrator() as connection:
            return connection.execute(text("SELECT last_value FROM coppermind.change_seq")).scalar_one()

    async with unthrottled(database, tmp_path) as portal:
        connector = portal.connected.connector
        await portal.connected.pull()
        normalize(database, connector)
        before = numbers_given()
        first = associations.link_so_far(database, connector)
        written = portal.connected.rows("SELECT count(*) AS n FROM hubspot_crm_objects WHERE change_seq > :before",
                                        before=before)[0].n  # fmt: skip
        given = numbers_given() - before
        monkeypatch.setattr(associations, "attribute", None)  # whoever called it would fail
        second = associations.link_so_far(database, connector)
    assert given == written > 10, "a row gets a number each time that it is written"
    assert 0 < first.attributed <= written
    assert (second.answers, second.attributed) == (0, 0)


async def test_linking_that_is_cut_short_leaves_the_rest_to_the_next_time(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        with database.administrator() as connection:
            connection.execute(
                text("UPDATE coppermind.pipeline_stages SET seq = 0 WHERE stage IN ('link', 'attribute')")
            )
        cut_short = associations.link_so_far(database, portal.connected.connector, enough=lambda: True)
        reached = [checkpoint.seq for checkpoint in portal.connected.rows(_LINKING_CHECKPOINTS)]
        whole = associations.link_so_far(database, portal.connected.connector)
        reached_then = [checkpoint.seq for checkpoint in portal.connected.rows(_LINKING_CHECKPOINTS)]
        answers = portal.connected.rows("SELECT count(*) AS n FROM hubspot_raw_associations")[0].n
    assert (cut_short.answers, reached) == (0, [0, 0])
    assert whole.answers == answers > 0 < min(reached_then)


async def test_of_two_answers_about_one_record_in_one_transaction_the_last_is_kept(database: Database, tmp_path: Path):
    twice = [
        Record("77", sorted_json({"city": "Utrecht"})),
        Record("78", sorted_json({"city": "Gouda"})),
        Record("77", sorted_json({"city": "Delft"})),
    ]
    async with unthrottled(database, tmp_path) as portal:
        connector = portal.connected.connector
        scope = connector.scope
        with database.mind(connector.mind_id) as connection:
            appended = raw_records.append_records(
                connection, scope, ObjectType.CONTACTS, twice, definitions_hash="", calculated=()
            )
        stored = portal.connected.rows(
            "SELECT hubspot_id, payload ->> 'city' AS city FROM hubspot_raw_records ORDER BY hubspot_id"
        )
    assert appended == 2
    assert [(row.hubspot_id, row.city) for row in stored] == [("77", "Delft"), ("78", "Gouda")]


async def test_who_appends_second_gets_its_sequence_numbers_once_the_first_has_committed(
    database: Database, tmp_path: Path
):
    """Else a reader could stop at the second's numbers, and never see the lower ones that commit after."""
    async with unthrottled(database, tmp_path) as portal, portal.context() as sync:
        with database.mind(portal.connected.connector.mind_id) as first:
            _append(first, sync.scope, "1")
            second = asyncio.create_task(sync.append(_append, sync.scope, "2"))
            while not portal.connected.rows(_WAITING):
                assert not (await asyncio.wait([second], timeout=0.01))[0]
        await second
        appended = portal.connected.rows("SELECT hubspot_id FROM hubspot_raw_records ORDER BY seq")
    assert [row.hubspot_id for row in appended] == ["1", "2"]


async def test_those_that_wait_to_append_leave_threads_to_others(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path) as portal, portal.context() as sync:
        with database.mind(portal.connected.connector.mind_id) as first:
            _append(first, sync.scope, "0")
            waiting = [asyncio.create_task(sync.append(_append, sync.scope, str(i))) for i in range(1, 40)]
            async with asyncio.timeout(10):
                for _ in waiting:
                    await asyncio.to_thread(int)
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)
        assert len(portal.connected.rows("SELECT FROM hubspot_raw_records")) == 1 + len(waiting)


def _append(connection: Connection, scope: Scope, hubspot_id: str) -> None:
    records = [Record(hubspot_id, sorted_json({}))]
    raw_records.append_records(connection, scope, ObjectType.CONTACTS, records, definitions_hash="", calculated=())
