"""Everything on one machine, as `coppermind up` runs it: database, Dagster behind its guard, web service."""

from coppermind_pipeline.interfaces.up.everything import (
    CODE_LOCATION,
    Addresses,
    run_everything,
    runs_everything,
    settings_as_environment,
)

__all__ = ["CODE_LOCATION", "Addresses", "run_everything", "runs_everything", "settings_as_environment"]
