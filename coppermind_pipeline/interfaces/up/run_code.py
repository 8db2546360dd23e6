"""What runs need, loaded before there is one: they are forked off a process that has imported this and done no more."""

import gc
from importlib import import_module

from coppermind_pipeline.interfaces.up.dagster_processes import DEFINITIONS

# Libraries load these late, so that each run would load its own.
_LATE = (
    "alembic.command",
    "babel.dates",
    "babel.numbers",
    "coppermind_pipeline.defs.storage",
    "coppermind_pipeline.hubspot.http.connections",
    "coppermind_pipeline.interfaces.up.code_server",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.postgresql.psycopg2",
)


def _load() -> None:
    for module in _LATE:
        import_module(module)
    # Jobs are made of the definitions when they are first asked for.
    import_module(DEFINITIONS).defs.get_repository_def().get_all_jobs()
    # No collection in a run is to look at all of this, which would copy it.
    gc.freeze()


_load()
