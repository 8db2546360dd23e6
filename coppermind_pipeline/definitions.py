"""The Dagster code location."""

import dagster as dg

from coppermind_pipeline.defs import assets, checks, installation, jobs, metadata, sensors

defs = dg.Definitions(
    assets=assets.ALL,
    asset_checks=checks.ALL,
    jobs=jobs.ALL,
    sensors=[*sensors.ALL, metadata.idle_polls],
    resources={"installation": installation.installation},
    executor=dg.in_process_executor,
)
