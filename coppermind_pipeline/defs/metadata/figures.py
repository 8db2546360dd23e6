"""What a run of an asset did, found and took: numbers that Dagster draws over time, and where to look further."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode

import dagster as dg
from sqlalchemy import Connection

from coppermind_pipeline.catalog import load_portal
from coppermind_pipeline.connectors import Connector, calls_a_second, load_connector
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.steps import hubspot_step, store_step
from coppermind_pipeline.memories import rows_of_memories
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.sync import SyncContext, last_pull_at, rows_stored

T = TypeVar("T")
Figures = dict[str, Any]

# HubSpot lets calls go in bursts, of what it allows within this time.
_BURST_S = 10


def reading(
    installation: Installation, context: dg.AssetExecutionContext, work: Callable[[SyncContext], Awaitable[T]]
) -> tuple[T, Figures]:
    """Run a step that reads HubSpot; return its result and what it took: time, requests, share of what is allowed.

    `lag_minutes` is how old the store had become when it began.
    """
    connector, begun = load_connector(installation.database, context.partition_key), monotonic()
    with installation.database.mind(connector.mind_id) as connection:
        pulled_at = last_pull_at(connection, connector.id)
        allowed = calls_a_second(connection, connector.hub_id)
    lag = {} if pulled_at is None else {"lag_minutes": (datetime.now(UTC) - pulled_at).total_seconds() / 60}
    result, requests = hubspot_step(installation, context, work)
    seconds = monotonic() - begun
    budget_used = requests / (allowed * max(seconds, _BURST_S))
    return result, {"seconds": seconds, "requests": requests, "budget_used": budget_used, **lag}


def working(
    installation: Installation, context: dg.AssetExecutionContext, work: Callable[[Connector], T]
) -> tuple[T, Figures]:
    """Run a step that needs the store alone; return its result and the time that it took."""
    begun = monotonic()
    result = store_step(installation, context, work)
    return result, {"seconds": monotonic() - begun}


def materialized(
    installation: Installation,
    context: dg.AssetExecutionContext,
    figures: Mapping[str, Any],
    *,
    asset: str | None = None,
) -> dg.MaterializeResult:
    """Return what Dagster keeps of a step: its figures, how much is stored now, and links to people's pages."""
    name = asset or context.asset_key.to_user_string()
    connector = load_connector(installation.database, context.partition_key)
    with installation.database.mind(connector.mind_id) as connection:
        rows = _rows(connection, connector, name)
        hubspot = load_portal(connection, connector.id).url
    links = _links(installation.settings, connector) | ({"hubspot": dg.MetadataValue.url(hubspot)} if hubspot else {})
    total = {} if rows is None else {"dagster/partition_row_count": rows}
    return dg.MaterializeResult(asset_key=asset, metadata={**figures, **total, **links})


def _rows(connection: Connection, connector: Connector, asset: str) -> int | None:
    """Return how many rows of the connector are stored, where that is quickly counted."""
    counts = (rows_stored, rows_of_memories)
    return next((rows for count in counts if (rows := count(connection, connector.id, asset)) is not None), None)


def _links(settings: Settings, connector: Connector) -> Figures:
    pages = settings.public_url
    return {
        "connector_log": dg.MetadataValue.url(f"{pages}/connectors/{connector.id}/events"),
        "report": dg.MetadataValue.url(
            f"{pages}/reports?{urlencode({'mind': connector.mind_id, 'connector_id': connector.id})}"
        ),
    }
