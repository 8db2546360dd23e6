"""Jobs: each a selection of assets, run in one process; concurrency is between runs."""

import dagster as dg

from coppermind_pipeline.defs import assets

sync_assets = dg.AssetSelection.assets(
    assets.property_definitions,
    assets.pipelines,
    assets.owners,
    assets.raw,
    assets.hubspot_crm_objects,
    assets.hubspot_associations,
    assets.record_memories,
    assets.memories,
)

sync_job = dg.define_asset_job(
    "sync",
    selection=sync_assets,
    executor_def=dg.in_process_executor,
    description="One slice of a connector's sync: pull, normalize, map, drain.",
)

reconciliation_job = dg.define_asset_job(
    "reconcile",
    selection=dg.AssetSelection.assets(assets.reconciliation, assets.record_memories, assets.memories),
    executor_def=dg.in_process_executor,
    description="One slice of a connector's reconciliation and rolling re-read, and what follows for its memories.",
)

drain_job = dg.define_asset_job(
    "drain",
    selection=dg.AssetSelection.assets(assets.memories),
    executor_def=dg.in_process_executor,
    description="Work off a connector's queue of memories.",
)

synthesis_job = dg.define_asset_job(
    "synthesis",
    selection=dg.AssetSelection.assets(assets.marketing_synthesis),
    executor_def=dg.in_process_executor,
    description="Publish a connector's synthesis for the current period.",
)
