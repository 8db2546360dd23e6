"""The Dagster code location."""

import dagster as dg

from coppermind_pipeline.defs import assets, checks, installation, jobs, sensors

defs = dg.Definitions(
    assets=[
        assets.property_definitions,
        assets.pipelines,
        assets.owners,
        assets.raw,
        assets.hubspot_crm_objects,
        assets.hubspot_associations,
        assets.reconciliation,
        assets.record_memories,
        assets.memories,
        assets.marketing_synthesis,
    ],
    asset_checks=checks.ALL,
    jobs=[jobs.sync_job, jobs.reconciliation_job, jobs.drain_job, jobs.synthesis_job],
    sensors=[
        sensors.new_connectors,
        sensors.due_polls,
        sensors.due_syntheses,
        sensors.waiting_memories,
        sensors.due_reconciliations,
        sensors.alerts,
        sensors.failed_runs,
    ],
    resources={"installation": installation.installation},
    executor=dg.in_process_executor,
)
