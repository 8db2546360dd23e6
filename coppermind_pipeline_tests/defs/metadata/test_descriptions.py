"""What Dagster says of each asset, and what it stands on."""

from pathlib import Path

import dagster as dg
import orjson

from coppermind_pipeline.definitions import defs
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.contracts import columns

GRAPH = defs.resolve_asset_graph()
# One of b's kind, which stands for all connectors, is described where it is defined.
ASSETS = [GRAPH.get(key) for key in GRAPH.get_all_asset_keys() if GRAPH.get(key).partitions_def]
MADE_HERE = [asset for asset in ASSETS if asset.is_materializable]


def test_each_asset_has_a_description_an_owner_kinds_a_group_and_tags():
    for asset in MADE_HERE:
        assert asset.description, asset.key
        (owner,) = asset.owners
        assert (Path(columns.PRODUCT) / owner.removeprefix("team:")).is_dir(), owner
        assert "postgres" in asset.kinds
        assert asset.group_name != "default"
        assert asset.tags["coppermind/renewed-by"] in {"poll", "day", "period"}
        assert asset.tags["coppermind/personal-data"] in {"true", "false"}


def test_lineage_begins_in_hubspot():
    hubspot = GRAPH.get(dg.AssetKey("hubspot"))
    assert hubspot.is_external
    roots = {key for key in GRAPH.root_materializable_asset_keys if GRAPH.get(key).partitions_def}
    assert roots == {dg.AssetKey(name) for name in ("property_definitions", "pipelines", "owners")}
    assert roots <= hubspot.child_keys
    assert dg.AssetKey("raw_deals") in hubspot.child_keys


def test_tables_and_their_columns_are_those_of_the_database(database: Database):
    with database.administrator() as connection:
        stored = columns.columns(connection)
    hint = "run `python -m coppermind_pipeline_tests.contracts.columns`"
    assert orjson.loads(columns.FILE.read_bytes()) == stored, hint
    named = set()
    for asset in MADE_HERE:
        if (table := asset.metadata.get("dagster/table_name")) is not None:
            schema = asset.metadata["dagster/column_schema"]
            named.add(table.removeprefix("coppermind."))
            assert [column.name for column in schema.columns] == [
                column["name"] for column in stored[table.removeprefix("coppermind.")]
            ]
    assert named == set(columns.TABLES)


def test_each_asset_leads_to_its_code():
    for asset in MADE_HERE:
        (reference,) = asset.metadata["dagster/code_references"].code_references
        assert reference.file_path.endswith("coppermind_pipeline/defs/assets.py"), asset.key
