"""Jobs: each a selection of assets, run in one process; concurrency is between runs."""

from functools import partial

import dagster as dg

from coppermind_pipeline.defs import assets

_job = partial(dg.define_asset_job, executor_def=dg.in_process_executor)

sync_job = _job(
    "sync",
    selection=assets.SYNC,
    description="One slice of a connector's sync: pull, normalize, map, drain.",
)
reconciliation_job = _job(
    "reconcile",
    selection=assets.RECONCILIATION,
    description="One slice of a connector's reconciliation and rolling re-read, and what follows for its memories.",
)
drain_job = _job(
    "drain",
    selection=assets.DRAIN,
    description="Work off a connector's queue of memories.",
)
synthesis_job = _job(
    "synthesis",
    selection=assets.SYNTHESIS,
    description="Publish a connector's synthesis for the current period.",
)

ALL = [sync_job, reconciliation_job, drain_job, synthesis_job]
