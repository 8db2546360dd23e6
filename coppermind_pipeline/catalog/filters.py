"""A connector's filters, compiled against what its portal defines and its mind's own domains."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import Definitions, Filters, compile_filters


def load_filters(
    connection: Connection,
    connector_id: str,
    *,
    definitions: Definitions,
    settings: Mapping[str, Any] | None = None,
) -> Filters:
    """Return a connector's filters.

    Args:
        connection: a transaction of the connector's mind.
        connector_id: whose filters they are.
        definitions: the portal's.
        settings: those to compile. None: those that the stored records are interpreted by, whatever has been
            configured since; before there are any, the configured ones.
    """
    row = connection.execute(text(_SETTINGS), {"connector": connector_id}).one()
    chosen = row.settings if settings is None else settings
    return compile_filters(chosen, company_info=row.company_info, definitions=definitions)


_SETTINGS = """
SELECT minds.company_info, coalesce(normalized.applied -> 'settings', connectors.config) AS settings
  FROM connectors
  JOIN minds ON minds.id = connectors.mind_id
  LEFT JOIN pipeline_stages AS normalized
    ON normalized.connector_id = connectors.id AND normalized.stage = 'normalize'
 WHERE connectors.id = :connector
"""
