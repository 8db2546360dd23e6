"""The `connectors` tool: all that can be done to a connection, behind one name."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from coppermind_pipeline.accounts import Caller, resolve_mind
from coppermind_pipeline.connectors.actions.configure import ConfigureResponse, configure
from coppermind_pipeline.connectors.actions.connect import SOURCE_TYPE, ConnectResponse, connect
from coppermind_pipeline.connectors.actions.disconnect import DisconnectResponse, disconnect
from coppermind_pipeline.connectors.actions.event_log import EventsResponse, read_events
from coppermind_pipeline.connectors.actions.polling import ResyncResponse, SyncResponse, request_sync, resync
from coppermind_pipeline.connectors.connector import find_connector
from coppermind_pipeline.connectors.errors import ConnectorNotFound
from coppermind_pipeline.connectors.status.responses import StatusResponse
from coppermind_pipeline.connectors.status.status import status
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import Action, find_action

ConnectorsAnswer = (
    ConnectResponse
    | StatusResponse
    | ConfigureResponse
    | SyncResponse
    | ResyncResponse
    | EventsResponse
    | DisconnectResponse
)


class ConnectorsAction(StrEnum):
    """What the tool can be asked for."""

    CONNECT = "connect"
    STATUS = "status"
    CONFIGURE = "configure"
    SYNC = "sync"
    RESYNC = "resync"
    EVENTS = "events"
    DISCONNECT = "disconnect"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Where, on whose behalf and when a call is answered."""

    database: Database
    settings: Settings
    caller: Caller
    now: datetime
    callback_listening: bool


async def connectors_tool(
    database: Database,
    settings: Settings,
    caller: Caller,
    *,
    action: str,
    now: datetime,
    callback_listening: bool,
    **arguments: Any,
) -> ConnectorsAnswer:
    """Answer one call of the `connectors` tool.

    Actions and their arguments, of which None counts as not given:
        connect: `source_type`, `mind`.
        status: `connector_id`, else `all` for every mind of the customer, else `mind`.
        configure: `connector_id`, `config`.
        sync, disconnect: `connector_id`.
        resync: `connector_id`, `since`, `object_type`.
        events: `connector_id`, `limit`, `before` (an event's id).
    Each takes `mind`, by default the active one; beside a `connector_id` it is the mind that must own the connector.

    Args:
        callback_listening: whether this installation would hear of an approval at this moment.

    Raises:
        ToolArgumentError: no such action, or not with these arguments.
        ConnectorNotFound: the customer, or the mind that was named, has no such connector.
        CoppermindError: of the action.
    """
    call = _Call(database=database, settings=settings, caller=caller, now=now, callback_listening=callback_listening)
    given = {name: value for name, value in arguments.items() if value is not None}
    found = find_action("connectors", _ACTIONS, action, given)
    if "connector_id" in given and "mind" in given:
        await asyncio.to_thread(_require_of_mind, call, given["connector_id"], given.pop("mind"))
    return await found.run(call, given)


def _require_of_mind(call: _Call, connector_id: str, mind: str) -> None:
    """Raise ConnectorNotFound where the connector is another mind's: whoever names both would mix up two clients."""
    named = resolve_mind(call.database, call.caller, mind)
    if find_connector(call.database, call.caller, connector_id).mind_id != named.id:
        raise ConnectorNotFound(f"The mind {named.name} has no connector {connector_id!r}; another mind has it.")


def _connect(call: _Call, given: Mapping[str, Any]) -> ConnectResponse:
    return connect(
        call.database,
        call.settings,
        call.caller,
        source_type=given.get("source_type", SOURCE_TYPE),
        mind=given.get("mind"),
        callback_listening=call.callback_listening,
    )


def _status(call: _Call, given: Mapping[str, Any]) -> StatusResponse:
    return status(
        call.database,
        call.caller,
        connector_id=given.get("connector_id"),
        mind=given.get("mind"),
        all_minds=given.get("all", False),
        now=call.now,
    )


def _configure(call: _Call, given: Mapping[str, Any]) -> ConfigureResponse:
    return configure(call.database, call.caller, given["connector_id"], given["config"])


def _sync(call: _Call, given: Mapping[str, Any]) -> SyncResponse:
    return request_sync(call.database, call.caller, given["connector_id"])


def _resync(call: _Call, given: Mapping[str, Any]) -> ResyncResponse:
    return resync(
        call.database,
        call.caller,
        given["connector_id"],
        since=given.get("since"),
        object_type=given.get("object_type"),
    )


def _events(call: _Call, given: Mapping[str, Any]) -> EventsResponse:
    return read_events(
        call.database, call.caller, given["connector_id"], limit=given.get("limit"), before=given.get("before")
    )


async def _disconnect(call: _Call, given: Mapping[str, Any]) -> DisconnectResponse:
    return await disconnect(call.database, call.settings, call.caller, given["connector_id"])


_ONE = ("connector_id", "mind")

_ACTIONS: Mapping[str, Action] = {
    ConnectorsAction.CONNECT: Action(_connect, takes=("source_type", "mind")),
    ConnectorsAction.STATUS: Action(_status, takes=(*_ONE, "all")),
    ConnectorsAction.CONFIGURE: Action(_configure, takes=(*_ONE, "config"), needs=("connector_id", "config")),
    ConnectorsAction.SYNC: Action(_sync, takes=_ONE, needs=("connector_id",)),
    ConnectorsAction.RESYNC: Action(_resync, takes=(*_ONE, "since", "object_type"), needs=("connector_id",)),
    ConnectorsAction.EVENTS: Action(_events, takes=(*_ONE, "limit", "before"), needs=("connector_id",)),
    ConnectorsAction.DISCONNECT: Action(_disconnect, takes=_ONE, needs=("connector_id",)),
}
