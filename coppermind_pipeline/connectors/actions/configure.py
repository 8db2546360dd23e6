"""`connectors action=configure`: changes of `connectors.config`, checked, and what changed filters would do."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import Field
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.catalog import load_definitions, load_filters
from coppermind_pipeline.connectors.actions.polling import check_since, mind_name
from coppermind_pipeline.connectors.configuration.config import BACKFILL_SINCE, ConnectorConfig, merged
from coppermind_pipeline.connectors.connector import Connector, find_connector, lock_connector
from coppermind_pipeline.connectors.events import record_event
from coppermind_pipeline.connectors.filter_preview import count_filtered, removal_warning
from coppermind_pipeline.connectors.responses import AboutConnector, Response
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database


class FilterPreview(Response):
    """What the configured filters do to the stored records of one type."""

    kept: int = Field(description="records that every filter lets through")
    removed: int = Field(description="records that some filter leaves out")


class ConfigureResponse(AboutConnector):
    """A changed configuration."""

    changed: tuple[str, ...] = Field(description="keys whose value is another one now")
    config: dict[str, Any] = Field(description="what is configured now; other keys have their defaults")
    filter_preview: dict[ObjectType, FilterPreview] | None = Field(
        description="stored records that the filters keep and remove; null where no filter was changed"
    )
    warnings: tuple[str, ...] = Field(description="what about the configuration should be looked at")
    message: str = Field(description="what changed, as a sentence")
    next_step: str = Field(description="what to do now, in one sentence")


def configure(database: Database, caller: Caller, connector_id: str, config: Mapping[str, Any]) -> ConfigureResponse:
    """Merge `config` into the connector's configuration; None removes a key, and nothing changes where a key is wrong.

    Raises:
        ConnectorNotFound: the customer has no such connector.
        UnknownConfigKey: names the nearest known key.
        InvalidConfigValue, crm.FilterConfigError: names the key, what is wrong and what is expected.
    """
    found = find_connector(database, caller, connector_id)
    with database.mind(found.mind_id) as connection:
        connector = lock_connector(connection, found.id)
        stored = connection.execute(
            text("SELECT config FROM connectors WHERE id = :id"), {"id": connector.id}
        ).scalar_one()
        result = merged(stored, config)
        checked = ConnectorConfig.from_stored(result)
        if config.get(BACKFILL_SINCE) is not None and checked.hubspot_backfill_since is not None:
            check_since(connection, checked.hubspot_backfill_since)
        changed = tuple(key for key in config if stored.get(key) != result.get(key))
        if changed:
            _store(connection, connector, result, changed)
        definitions = load_definitions(connection, connector.id)
        filters = load_filters(connection, connector.id, result, definitions=definitions, in_force=False)
        preview = _preview(connection, connector, filters) if set(changed) & set(crm.FILTER_KEYS) else None
        warnings = [problem.message for problem in filters.problems]
        warnings += _preview_warnings(preview or {})
        warnings += _property_warnings(definitions[ObjectType.DEALS], checked)
        resync_needed = BACKFILL_SINCE in changed and _backfill_started(connection, connector)
        mind = mind_name(connection, connector)
    return ConfigureResponse(
        connector_id=connector.id,
        mind=mind,
        mind_id=connector.mind_id,
        changed=changed,
        config=result,
        filter_preview=preview,
        warnings=tuple(warnings),
        message=f"Changed: {', '.join(changed)}." if changed else "Nothing changed: it was configured so already.",
        next_step=_next_step(warnings=bool(warnings), filters=preview is not None, resync=resync_needed),
    )


def _store(connection: Connection, connector: Connector, config: dict[str, Any], changed: tuple[str, ...]) -> None:
    # A sync applies it to what is stored; a poll that finds nothing new in HubSpot would not run one.
    connection.execute(_STORE, {"id": connector.id, "config": orjson.dumps(config).decode()})
    record_event(
        connection,
        connector,
        "info",
        "configured",
        f"The configuration was changed: {', '.join(changed)}.",
        {"keys": list(changed)},
    )


_STORE = text(
    """UPDATE connectors
          SET config = CAST(:config AS jsonb),
              sync_requested_at = CASE WHEN status = 'active' THEN clock_timestamp() ELSE sync_requested_at END
        WHERE id = :id"""
)


def _preview(connection: Connection, connector: Connector, filters: crm.Filters) -> dict[ObjectType, FilterPreview]:
    return {
        object_type: FilterPreview(kept=kept, removed=removed)
        for object_type, (kept, removed) in count_filtered(connection, connector, filters).items()
    }


def _preview_warnings(preview: Mapping[ObjectType, FilterPreview]) -> list[str]:
    messages = (
        removal_warning(object_type.value, removed=counts.removed, of=counts.kept + counts.removed)
        for object_type, counts in preview.items()
    )
    return [message for message in messages if message is not None]


def _property_warnings(of_deals: Mapping[str, crm.PropertyDefinition], config: ConnectorConfig) -> list[str]:
    if "hubspot_loss_reason_property" not in config.model_fields_set or not of_deals:
        return []
    name = config.hubspot_loss_reason_property
    known = of_deals.get(name)
    if known is not None and not known.missing:
        return []
    return [f"hubspot_loss_reason_property: deals of this portal have no property {name!r}."]


def _backfill_started(connection: Connection, connector: Connector) -> bool:
    started = text("SELECT since IS NOT NULL FROM portals WHERE connector_id = :connector")
    return bool(connection.scalar(started, {"connector": connector.id}))


def _next_step(*, warnings: bool, filters: bool, resync: bool) -> str:
    if warnings:
        return "Read the warnings; what they are about is stored as it was given."
    if resync:
        return "The backfill has started with the window it had: use `connectors action=resync` for the new one."
    if filters:
        return "The filters take effect with the next poll; `connectors action=sync` asks for it now."
    return "Nothing is to be done; the next poll uses it."
