"""PostgreSQL: tables, migrations, roles, the embedded server, bulk writes. Knows no HubSpot API and no Dagster."""

from coppermind_pipeline.store import embedded
from coppermind_pipeline.store.bulk import analyze_grown_tables, copy_rows
from coppermind_pipeline.store.database import ROLES, Database, UnstorableText
from coppermind_pipeline.store.locks import connector_is_locked, lock_writing
from coppermind_pipeline.store.upgrade import upgrade

__all__ = [
    "ROLES",
    "Database",
    "UnstorableText",
    "analyze_grown_tables",
    "connector_is_locked",
    "copy_rows",
    "embedded",
    "lock_writing",
    "upgrade",
]
