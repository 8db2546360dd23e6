"""The Dagster code location."""

from coppermind_pipeline.garbage_collection import rare_collections

# What importing makes stays: looking for garbage in it meanwhile takes a fifth of the time that the location loads.
with rare_collections():
    import dagster as dg

    from coppermind_pipeline.defs import assets, installation, jobs, metadata, sensors
    from coppermind_pipeline.defs.health import checks, fleet, sensor
    from coppermind_pipeline.defs.upkeep import lost_runs, retention

defs = dg.Definitions(
    assets=[*assets.ALL, fleet.fleet, retention.retention],
    asset_checks=checks.ALL,
    jobs=[*jobs.ALL, retention.job],
    sensors=[*sensors.ALL, metadata.idle_polls, sensor.health, retention.due_retention, lost_runs.lost_runs],
    resources={"installation": installation.installation},
    executor=dg.in_process_executor,
)
