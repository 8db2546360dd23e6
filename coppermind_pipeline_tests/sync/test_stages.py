"""What the stages behind a pull hold at a time, and what they keep of records that come twice."""

from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.hubspot import Record, properties_json
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import linking, raw_log
from coppermind_pipeline_tests.unthrottled import unthrottled

_LINKING_STAGES = "SELECT seq FROM pipeline_stages WHERE stage IN ('link', 'attribute') ORDER BY stage"


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


async def test_linking_that_is_cut_short_leaves_the_rest_to_the_next_time(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        with database.administrator() as connection:
            connection.execute(
                text("UPDATE coppermind.pipeline_stages SET seq = 0 WHERE stage IN ('link', 'attribute')")
            )
        cut_short = linking.link_so_far(database, portal.connected.connector, enough=lambda: True)
        reached = [stage.seq for stage in portal.connected.rows(_LINKING_STAGES)]
        whole = linking.link_so_far(database, portal.connected.connector)
        reached_then = [stage.seq for stage in portal.connected.rows(_LINKING_STAGES)]
        answers = portal.connected.rows("SELECT count(*) AS n FROM hubspot_raw_associations")[0].n
    assert (cut_short.answers, reached) == (0, [0, 0])
    assert whole.answers == answers > 0 < min(reached_then)


async def test_of_two_answers_about_one_record_in_one_transaction_the_last_is_kept(database: Database, tmp_path: Path):
    twice = [
        Record("77", properties_json({"city": "Utrecht"})),
        Record("78", properties_json({"city": "Gouda"})),
        Record("77", properties_json({"city": "Delft"})),
    ]
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
