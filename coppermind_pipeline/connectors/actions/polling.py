"""`connectors action=sync` and `action=resync`: a poll now, and the historical backfill once more."""

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors.budgets import lift_pauses
from coppermind_pipeline.connectors.configuration.config import BACKFILL_SINCE, ConnectorConfig, merged
from coppermind_pipeline.connectors.connector import Connector, find_connector, lock_connector
from coppermind_pipeline.connectors.errors import BackfillNotStarted, InvalidConfigValue
from coppermind_pipeline.connectors.events import record_event
from coppermind_pipeline.connectors.responses import AboutConnector, Instant
from coppermind_pipeline.connectors.status.next_steps import START_POLLING
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, polling_stopped_since, require_not_paused
from coppermind_pipeline.wording import iso_day

_FOLLOW = "Follow it with `connectors action=status`; the running installation (`coppermind up`) begins within seconds."


class SyncResponse(AboutConnector):
    """A poll that was asked for."""

    sync_requested_at: Instant = Field(description="when it was asked for")
    message: str = Field(description="what was done, as a sentence")
    next_step: str = Field(description="what to do now, in one sentence")


class ResyncResponse(AboutConnector):
    """A backfill that starts again."""

    since: Instant = Field(description="start of what is read again")
    object_types: tuple[ObjectType, ...] = Field(description="types that are read again")
    already_running: bool = Field(description="the same backfill was under way, and goes on as it is")
    message: str = Field(description="what was done, as a sentence")
    next_step: str = Field(description="what to do now, in one sentence")


def request_sync(database: Database, caller: Caller, connector_id: str) -> SyncResponse:
    """Ask for a poll now instead of at the next cadence; whatever runs the installation does it.

    A portal that is left alone for a time is asked once more: where it still refuses, it is left alone again.

    Raises:
        ConnectorNotFound, ConnectorNotActive: there is no such connector, or it is connected to no portal.
        InstallationPaused: nothing is polled until an operator resumes the installation.
    """
    require_not_paused(database)
    found = find_connector(database, caller, connector_id)
    with database.mind(found.mind_id) as connection:
        connector = lock_connector(connection, found.id)
        connector.require_active()
        requested_at = _request(connection, connector)
        _look_at_once(connection, connector)
        mind = mind_name(connection, connector)
    return SyncResponse(
        connector_id=connector.id,
        mind=mind,
        mind_id=connector.mind_id,
        sync_requested_at=requested_at,
        message="A poll was asked for.",
        next_step=_what_next(database),
    )


def resync(
    database: Database,
    caller: Caller,
    connector_id: str,
    *,
    since: datetime | str | None = None,
    object_type: str | None = None,
) -> ResyncResponse:
    """Start the historical backfill again, beside the polls; it drops nothing and un-publishes nothing.

    Asked again while the same backfill is under way, it leaves that as it is.

    Args:
        database: where the connector is stored.
        caller: on whose behalf.
        connector_id: the connector.
        since: ISO 8601 with zone; None: `hubspot_backfill_since` where configured. A time before the window's start
            extends the window, and then every type is read; with a later one the window stays as it is.
        object_type: contacts, companies or deals alone; None: all three.

    Raises:
        ConnectorNotFound, ConnectorNotActive: there is no such connector, or it is connected to no portal.
        BackfillNotStarted: the first backfill has yet to start.
        InstallationPaused: nothing is read until an operator resumes the installation.
        InvalidConfigValue: `since` or `object_type` can't be used.
    """
    require_not_paused(database)
    asked_types = tuple(ObjectType) if object_type is None else (_object_type(object_type),)
    found = find_connector(database, caller, connector_id)
    with database.mind(found.mind_id) as connection:
        connector = lock_connector(connection, found.id)
        connector.require_active()
        window = connection.scalar(_HOLD_BACKFILL, {"connector": connector.id})
        if window is None:
            raise BackfillNotStarted
        start = min(window, _start(connection, since) or connector.config.hubspot_backfill_since or window)
        types = tuple(ObjectType) if start < window else asked_types
        running = _is_running(connection, connector, types, start)
        if not running:
            _restart(connection, connector, types, start)
        _request(connection, connector)
        mind = mind_name(connection, connector)
    what = "records" if len(types) == len(ObjectType) else types[0].value
    return ResyncResponse(
        connector_id=connector.id,
        mind=mind,
        mind_id=connector.mind_id,
        since=start,
        object_types=types,
        already_running=running,
        message=(
            f"The same backfill is under way already and goes on: all {what} modified since {iso_day(start)}."
            if running
            else f"All {what} modified since {iso_day(start)} are read again, beside the polls; nothing is dropped."
        ),
        next_step=_what_next(database),
    )


def _what_next(database: Database) -> str:
    return START_POLLING if polling_stopped_since(database, now=database.now()) else _FOLLOW


def mind_name(connection: Connection, connector: Connector) -> str:
    """Return the name of the connector's mind, in a transaction of it."""
    return connection.execute(text("SELECT name FROM minds WHERE id = :id"), {"id": connector.mind_id}).scalar_one()


def check_since(connection: Connection, since: datetime) -> None:
    """Raise InvalidConfigValue for a start that lies in the future: nothing could ever be read."""
    if connection.execute(
        text("SELECT CAST(:since AS timestamptz) > clock_timestamp()"), {"since": since}
    ).scalar_one():
        raise InvalidConfigValue(f"{since.isoformat()} lies in the future.", hint="Give a time in the past.")


def _object_type(word: str) -> ObjectType:
    try:
        return ObjectType(word.strip().lower())
    except ValueError:
        raise InvalidConfigValue(
            f"{word!r} is no object type.", hint=f"The object types are {', '.join(ObjectType)}."
        ) from None


def _start(connection: Connection, since: datetime | str | None) -> datetime | None:
    if since is None:
        return None
    start = ConnectorConfig.model_validate(merged({}, {BACKFILL_SINCE: since})).hubspot_backfill_since
    if start is not None:
        check_since(connection, start)
    return start


def _request(connection: Connection, connector: Connector) -> datetime:
    return connection.execute(
        text("UPDATE connectors SET sync_requested_at = clock_timestamp() WHERE id = :id RETURNING sync_requested_at"),
        {"id": connector.id},
    ).scalar_one()


def _look_at_once(connection: Connection, connector: Connector) -> None:
    assert connector.hub_id is not None  # noqa: S101 - an active connector has a portal, by the table's check
    lift_pauses(connection, connector.hub_id)
    connection.execute(_LOOK_AGAIN, {"connector": connector.id})


def _is_running(connection: Connection, connector: Connector, types: tuple[ObjectType, ...], start: datetime) -> bool:
    """Say whether the backfill under way reads all that is asked for, or has just read it."""
    return bool(connection.scalar(_IS_RUNNING, _values(connector, types, start)))


def _restart(connection: Connection, connector: Connector, types: tuple[ObjectType, ...], start: datetime) -> None:
    connection.execute(_RESTART, _values(connector, types, start))
    record_event(connection, connector, "info", "resync_requested", "The historical backfill starts again.",
                 {"since": start.isoformat(), "object_types": [each.value for each in types]})  # fmt: skip


def _values(connector: Connector, types: tuple[ObjectType, ...], start: datetime) -> dict[str, Any]:
    return {"connector": connector.id, "types": [each.value for each in types], "start": start}


# What polls and backfills store is that of sync, which stands above: it answers by functions of the database, which
# `store/migrations/versions/0050_asked_of_sync.py` defines.
_LOOK_AGAIN = text("SELECT look_again(:connector, forgive => false)")
_HOLD_BACKFILL = text("SELECT hold_backfill(:connector)")
_IS_RUNNING = text("SELECT backfill_reads(:connector, CAST(:types AS text[]), :start)")
_RESTART = text("SELECT restart_backfill(:connector, CAST(:types AS text[]), :start)")
