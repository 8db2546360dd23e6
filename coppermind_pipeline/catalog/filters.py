"""A connector's filters, compiled against what its portal defines and its mind's own domains."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from coppermind_pipeline.catalog.interpretation import load_applied
from coppermind_pipeline.crm import Definitions, Filters, compile_filters


def load_filters(
    connection: Connection,
    connector_id: str,
    configured: Mapping[str, Any],
    *,
    definitions: Definitions,
    in_force: bool = True,
) -> Filters:
    """Return a connector's filters.

    Args:
        connection: a transaction of the connector's mind.
        connector_id: whose filters they are.
        configured: the connector's configuration; keys that are no filters are passed over.
        definitions: the portal's.
        in_force: those that the stored records are interpreted by, whatever has been configured since; the configured
            ones before there are any. False: the configured ones.
    """
    applied, company_info = load_applied(connection, connector_id)
    settings = applied if in_force and applied else configured
    return compile_filters(settings, company_info=company_info, definitions=definitions)
