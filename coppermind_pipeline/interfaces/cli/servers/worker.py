"""`coppermind worker`: works on the runs that the `up` of another machine hands out."""

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from coppermind_pipeline.interfaces.cli import output

if TYPE_CHECKING:
    from coppermind_pipeline.settings import Settings


def worker(
    *,
    slots: Annotated[int, typer.Option("--slots", min=1, help="How many runs to work on at a time.")] = 4,
) -> None:
    """Work on runs that `coppermind up` hands out on another machine, until interrupted.

    It shares the database and the broker with that machine, and nothing else; each has a COPPERMIND_HOME of its own.
    """
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.settings import Settings

    settings = Settings.from_environment()
    _require_shared(settings)
    with open_installation(settings) as installation:
        from coppermind_pipeline.defs.home import prepare_dagster_home

        environment = os.environ | prepare_dagster_home(settings, installation.database)
    # What lies in the directory that this is called in is not to be imported.
    os.chdir(environment["DAGSTER_HOME"])
    output.note(f"Working on {slots} runs at a time; Ctrl-C ends it.")
    # It takes no run before it has a slot for it: one that waits here could have begun elsewhere.
    arguments = (
        *("-m", "celery", "--app", "dagster_celery.app", "worker", "--queues", "dagster", "--loglevel", "WARNING"),
        *("--concurrency", str(slots), "--prefetch-multiplier", "1", "-O", "fair"),
    )
    os.execve(sys.executable, (sys.executable, *arguments), environment)  # noqa: S606 - our own interpreter


def _require_shared(settings: "Settings") -> None:
    """Raise SettingsError where what the machines share is not all set."""
    from coppermind_pipeline.settings import SettingsError

    shared = {
        "COPPERMIND_DATABASE_URL": settings.database_url,
        "COPPERMIND_BROKER_URL": settings.broker_url,
        "COPPERMIND_ENCRYPTION_KEYS": settings.encryption_keys,
        "COPPERMIND_DATABASE_LOGINS_KEY": settings.database_logins_key,
    }
    missing = [name for name, value in shared.items() if value is None]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} must be set, to what it is on the machine of `coppermind up`.",
            hint="Workers share database, broker and keys; docs/several-machines.md says how.",
        )
    if find_spec("dagster_celery") is None:
        raise SettingsError(
            "dagster-celery is not installed.", hint="Install the extra: `pip install 'coppermind-pipeline[celery]'`."
        )
