"""The Dagster code location."""

import dagster as dg

from coppermind_pipeline.defs import assets, installation, jobs, metadata, sensors
from coppermind_pipeline.defs.health import checks, fleet, sensor

defs = dg.Definitions(
    assets=[*assets.ALL, fleet.fleet],
    asset_checks=checks.ALL,
    jobs=jobs.ALL,
    sensors=[*sensors.ALL, metadata.idle_polls, sensor.health],
    resources={"installation": installation.installation},
    executor=dg.in_process_executor,
)
