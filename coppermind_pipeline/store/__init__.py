"""PostgreSQL: tables, migrations, roles, the embedded server, bulk writes. Knows no HubSpot API and no Dagster."""

from coppermind_pipeline.store import embedded
from coppermind_pipeline.store.bulk import STATISTICS_AFTER_ROWS, copy_rows, refresh_statistics
from coppermind_pipeline.store.database import ROLES, Database
from coppermind_pipeline.store.locks import connector_is_locked
from coppermind_pipeline.store.upgrade import upgrade

__all__ = [
    "ROLES",
    "STATISTICS_AFTER_ROWS",
    "Database",
    "connector_is_locked",
    "copy_rows",
    "embedded",
    "refresh_statistics",
    "upgrade",
]
