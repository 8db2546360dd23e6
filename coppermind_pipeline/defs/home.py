"""DAGSTER_HOME: where every Dagster process of this installation finds the same instance."""

import shutil
from pathlib import Path

from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, private_directory

_PROJECT = Path(__file__).resolve().parents[2]


def prepare_dagster_home(settings: Settings, database: Database) -> dict[str, str]:
    """Write `COPPERMIND_HOME/dagster/dagster.yaml` and return the environment that Dagster's processes need."""
    home = settings.home / "dagster"
    private_directory(home)
    shutil.copyfile(_PROJECT / "dagster.yaml", home / "dagster.yaml")
    return {
        "COPPERMIND_HOME": str(settings.home),
        "COPPERMIND_DAGSTER_DATABASE_URL": database.dagster_url(),
        "DAGSTER_HOME": str(home),
    }
