"""What the stages behind a pull hold at a time, and what they keep of records that come twice."""

from pathlib import Path

import pytest

from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import linking, raw_log
from coppermind_pipeline_tests.unthrottled import unthrottled


async def test_deals_are_attributed_a_bounded_number_at_a_time(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    attributed: list[int] = []
    attribute = linking._attribute

    def counted(connection, ids, deals):
        attributed.append(len(deals))
        return attribute(connection, ids, deals)

    monkeypatch.setattr(linking, "_attribute", counted)
    monkeypatch.setattr(linking, "BATCH_DEALS", 10)
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        deals = portal.connected.rows("SELECT count(*) AS n FROM hubspot_crm_objects WHERE object_type = 'deals'")[0].n
    assert max(attributed) <= 10 < deals == sum(attributed)


async def test_of_two_answers_about_one_record_in_one_transaction_the_last_is_kept(database: Database, tmp_path: Path):
    twice = [Record("77", {"city": "Utrecht"}), Record("78", {"city": "Gouda"}), Record("77", {"city": "Delft"})]
    async with unthrottled(database, tmp_path) as portal:
        connector = portal.connected.connector
        ids = {"connector": connector.id, "mind": connector.mind_id}
        with database.mind(connector.mind_id) as connection:
            appended = raw_log.append_records(
                connection, ids, ObjectType.CONTACTS, twice, definitions_hash="", calculated=()
            )
        stored = portal.connected.rows(
            "SELECT hubspot_id, payload ->> 'city' AS city FROM hubspot_raw_records ORDER BY hubspot_id"
        )
    assert appended == 2
    assert [(row.hubspot_id, row.city) for row in stored] == [("77", "Delft"), ("78", "Gouda")]
