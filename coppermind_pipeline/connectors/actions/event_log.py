"""`connectors action=events`: what happened to a connector, newest first."""

from pydantic import Field
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors.actions.polling import mind_name
from coppermind_pipeline.connectors.connector import find_connector
from coppermind_pipeline.connectors.events import Severity
from coppermind_pipeline.connectors.responses import AboutConnector, Instant, Response
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ID_MAX, number_within

EVENTS_SHOWN, EVENTS_MAX = 50, 200


class LoggedEvent(Response):
    """One entry of a connector's log."""

    id: int = Field(description="the higher, the later")
    at: Instant = Field(description="when it happened")
    severity: Severity = Field(description="error: something stopped for it; warning: it went on with less")
    code: str = Field(description="what happened, in one word that stays")
    message: str = Field(description="what happened, as a sentence")
    hint: str = Field(description="what to do about it; empty: nothing")
    run_id: str | None = Field(description="the run in which it happened; Dagster's UI shows it")


class EventsResponse(AboutConnector):
    """What happened to a connector, newest first."""

    events: tuple[LoggedEvent, ...] = Field(description="newest first")
    next_before: int | None = Field(description="`before` of the next page; null where there is none")


def read_events(
    database: Database,
    caller: Caller,
    connector_id: str,
    *,
    limit: int | None = None,
    before: int | None = None,
) -> EventsResponse:
    """Return the newest entries of a connector's log, or those before an entry.

    Args:
        limit: how many, 1 to 200; 50 unless told.
        before: an event's id, as `next_before` of the page before.

    Raises:
        ConnectorNotFound: the customer has no such connector.
        ToolArgumentError: a number lies outside of its range.
    """
    shown = number_within("limit", EVENTS_SHOWN if limit is None else limit, most=EVENTS_MAX)
    first = number_within("before", ID_MAX if before is None else before)
    connector = find_connector(database, caller, connector_id)
    with database.mind(connector.mind_id) as connection:
        rows = connection.execute(_EVENTS, {"connector": connector.id, "before": first, "limit": shown + 1}).all()
        mind = mind_name(connection, connector)
    page = [LoggedEvent.model_validate(dict(row._mapping)) for row in rows[:shown]]
    return EventsResponse(
        connector_id=connector.id,
        mind=mind,
        mind_id=connector.mind_id,
        events=tuple(page),
        next_before=page[-1].id if len(rows) > shown else None,
    )


_EVENTS = text(
    """SELECT id, at, severity, code, message, coalesce(details ->> 'hint', '') AS hint,
              details ->> 'run_id' AS run_id
         FROM connector_events WHERE connector_id = :connector AND id < :before
        ORDER BY id DESC LIMIT :limit"""
)
