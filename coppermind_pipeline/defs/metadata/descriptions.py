"""What an asset is: its group, who owns it, how often it is renewed, and the table behind it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import orjson

from coppermind_pipeline.defs.partitions import connectors

# Columns of the tables, as the migrations make them; a test compares them with the database.
_COLUMNS = Path(__file__).with_name("columns.json")

HUBSPOT = dg.AssetSpec(
    "hubspot",
    description="The client's portal: the source of everything here. Nothing writes to it.",
    group_name="source",
    kinds={"hubspot"},
    tags={"coppermind/personal-data": "true"},
    partitions_def=connectors,
)


@dataclass(frozen=True, slots=True)
class _About:
    """What is said of one asset.

    Attributes:
        owner: the room of the code that writes it.
        renewed: by each poll that finds something, daily, or once per week or month.
        table: where it is stored; None where it puts others right.
    """

    group: str
    owner: str
    renewed: Literal["poll", "day", "period"]
    table: str | None


_ASSETS = {
    "property_definitions": _About("reference", "catalog", "poll", "hubspot_properties"),
    "pipelines": _About("reference", "catalog", "poll", "hubspot_pipelines"),
    "owners": _About("reference", "catalog", "poll", "hubspot_owners"),
    "raw_contacts": _About("raw", "sync", "poll", "hubspot_raw_records"),
    "raw_companies": _About("raw", "sync", "poll", "hubspot_raw_records"),
    "raw_deals": _About("raw", "sync", "poll", "hubspot_raw_records"),
    "raw_deal_associations": _About("raw", "sync", "poll", "hubspot_raw_associations"),
    "hubspot_crm_objects": _About("crm", "sync", "poll", "hubspot_crm_objects"),
    "hubspot_associations": _About("crm", "sync", "poll", "hubspot_associations"),
    "reconciliation": _About("crm", "sync", "day", None),
    "record_memories": _About("memories", "memories", "poll", "memory_queue"),
    "memories": _About("memories", "memories", "poll", "memories"),
    "marketing_synthesis": _About("memories", "synthesis", "period", "syntheses"),
}
_READING_HUBSPOT = {name for name, about in _ASSETS.items() if about.group in {"reference", "raw"}} | {"reconciliation"}
_OF_PEOPLE = _ASSETS.keys() - {
    "property_definitions", "pipelines", "raw_deal_associations", "hubspot_associations", "marketing_synthesis",
}  # fmt: skip


def described(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return the asset with what is said of it; all are partitioned by connector."""
    name = spec.key.to_user_string()
    about, reads_hubspot = _ASSETS[name], name in _READING_HUBSPOT
    return spec.replace_attributes(
        deps=[*spec.deps, HUBSPOT] if reads_hubspot else spec.deps,
        group_name=about.group,
        owners=[f"team:{about.owner}"],
        kinds={"hubspot", "postgres"} if reads_hubspot else {"postgres"},
        tags={
            **spec.tags,
            "coppermind/renewed-by": about.renewed,
            "coppermind/personal-data": str(name in _OF_PEOPLE).lower(),
        },
        metadata={**spec.metadata, **(_of_table(about.table) if about.table else {})},
        partitions_def=connectors,
    )


def _of_table(table: str) -> dict[str, Any]:
    columns = [
        dg.TableColumn(
            column["name"],
            column["type"],
            description=column["description"],
            constraints=dg.TableColumnConstraints(nullable=column["nullable"]),
        )
        for column in _columns()[table]
    ]
    return {"dagster/table_name": f"coppermind.{table}", "dagster/column_schema": dg.TableSchema(columns)}


@cache
def _columns() -> dict[str, list[dict[str, Any]]]:
    return orjson.loads(_COLUMNS.read_bytes())
