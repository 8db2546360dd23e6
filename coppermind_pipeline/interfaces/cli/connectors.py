"""`coppermind connectors`: a HubSpot portal connected to a mind, from the authorization link to the disconnect."""

import asyncio
import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coppermind_pipeline.errors import NeedsPerson, UsageError
from coppermind_pipeline.interfaces.cli import completion, output
from coppermind_pipeline.interfaces.cli.session import (
    ConnectorArgument,
    CustomerOption,
    MindOption,
    Session,
    open_session,
)
from coppermind_pipeline.interfaces.cli.views import connectors as connector_views

if TYPE_CHECKING:
    from coppermind_pipeline.connectors import ConnectorStatus, StatusResponse

app = typer.Typer(help="Connections of HubSpot portals to minds.", no_args_is_help=True)

WATCH_INTERVAL_S = 2.0
APPROVAL_POLL_S = 1.0


class NotApproved(NeedsPerson):
    """The connection was not approved."""

    code = "not_approved"


@app.command()
def connect(
    *,
    mind: MindOption = None,
    source_type: Annotated[str, typer.Option(help="What to connect.")] = "hubspot",
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Stay until the approval came back; serve the callback where no web service runs."),
    ] = False,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Connect a HubSpot portal to a mind: prints the link that a person opens and approves in HubSpot."""
    from coppermind_pipeline.connectors import connect as make_connector
    from coppermind_pipeline.interfaces.installation import Installation
    from coppermind_pipeline.interfaces.web import WebService, web_service_answers

    with open_session(customer) as session, ExitStack() as serving:
        listening = web_service_answers(session.settings)
        if wait and not listening:
            serving.enter_context(WebService(Installation(session.settings, session.database)))
            listening = True
        answer = make_connector(
            session.database,
            session.settings,
            session.caller,
            source_type=source_type,
            mind=mind,
            callback_listening=listening,
        )
        if not wait:
            output.show(answer, as_json=as_json, human=lambda: connector_views.authorization(answer))
            return
        output.error_console().print(connector_views.authorization(answer))
        output.note("Waiting for the approval; Ctrl-C leaves the link valid.")
        connected = _wait_for_approval(session, answer.connector_id)
    output.show(connected, as_json=as_json, human=lambda: connector_views.one(connected))


@app.command()
def status(
    connector_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One connector alone.", autocompletion=completion.connectors)
    ] = None,
    *,
    mind: MindOption = None,
    all_minds: Annotated[bool, typer.Option("--all", help="The connectors of all minds.")] = False,
    setup_help: Annotated[
        bool, typer.Option("--setup-help", help="What HubSpot may refuse, though all are connected.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the view up to date until interrupted.")] = False,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show how connectors are: state, backfill, last error, next step."""
    if watch and as_json:
        raise UsageError("--watch shows a view for people; ask for --json again and again instead.")
    with open_session(customer) as session:

        def ask() -> "StatusResponse":
            return _status(session, connector_id=connector_id, mind=mind, all_minds=all_minds)

        if watch:
            _watch(ask)
        else:
            answer = ask()
            output.show(answer, as_json=as_json, human=lambda: connector_views.many(answer, setup_help=setup_help))


@app.command()
def configure(
    connector_id: ConnectorArgument,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Configuration keys. A value is JSON where it can be read so, else text; null removes the key.",
        ),
    ],
    *,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Change a connector's configuration, for example hubspot_synthesis_cadence=monthly."""
    from coppermind_pipeline.connectors import configure as change

    config = dict(_key_and_value(setting) for setting in settings)
    with open_session(customer) as session:
        answer = change(session.database, session.caller, connector_id, config)
    output.show(answer, as_json=as_json, human=lambda: connector_views.configuration(answer))


@app.command()
def sync(
    connector_id: ConnectorArgument, *, customer: CustomerOption = "local", as_json: output.JsonOption = False
) -> None:
    """Ask for a poll now instead of at the next cadence; the running installation does it."""
    from coppermind_pipeline.connectors import request_sync

    with open_session(customer) as session:
        answer = request_sync(session.database, session.caller, connector_id)
    output.show(answer, as_json=as_json, human=lambda: connector_views.done(answer.message, answer.next_step))


@app.command()
def resync(
    connector_id: ConnectorArgument,
    *,
    since: Annotated[
        str | None, typer.Option(help="Where the window shall start: an ISO time with zone. By default where it does.")
    ] = None,
    object_type: Annotated[str | None, typer.Option(help="Only contacts, companies or deals.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Start the historical backfill again, beside the polls; drops nothing."""
    from coppermind_pipeline.connectors import resync as start_again

    with open_session(customer) as session:
        answer = start_again(session.database, session.caller, connector_id, since=since, object_type=object_type)
    output.show(answer, as_json=as_json, human=lambda: connector_views.done(answer.message, answer.next_step))


@app.command()
def events(
    connector_id: ConnectorArgument,
    *,
    limit: Annotated[int | None, typer.Option(help="How many, at most 200; 50 unless told.")] = None,
    before: Annotated[int | None, typer.Option(help="Go on before this event's id.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show a connector's log: what happened and when, newest first."""
    from coppermind_pipeline.connectors import read_events as read_log

    with open_session(customer) as session:
        answer = read_log(session.database, session.caller, connector_id, limit=limit, before=before)
    output.show(answer, as_json=as_json, human=lambda: connector_views.events(answer))


@app.command()
def disconnect(
    connector_id: ConnectorArgument, *, customer: CustomerOption = "local", as_json: output.JsonOption = False
) -> None:
    """Erase the credentials, stop polling, uninstall the app in HubSpot. Memories and the CRM store stay."""
    from coppermind_pipeline.connectors import disconnect as end_connection

    with open_session(customer) as session:
        answer = asyncio.run(end_connection(session.database, session.settings, session.caller, connector_id))
    output.show(answer, as_json=as_json, human=lambda: connector_views.done(answer.message, answer.next_step))


def _status(session: Session, *, connector_id: str | None, mind: str | None, all_minds: bool) -> "StatusResponse":
    from coppermind_pipeline.connectors import status as ask

    return ask(
        session.database,
        session.caller,
        connector_id=connector_id,
        mind=mind,
        all_minds=all_minds,
        now=datetime.now(UTC),
    )


def _watch(ask: Any) -> None:
    from rich.live import Live

    try:
        with Live(connector_views.many(ask()), console=output.console(), auto_refresh=False) as view:
            while True:
                time.sleep(WATCH_INTERVAL_S)
                view.update(connector_views.many(ask()), refresh=True)
    except KeyboardInterrupt:
        return


def _wait_for_approval(session: Session, connector_id: str) -> "ConnectorStatus":
    """Wait until the connector, or the one that replaces it, is connected; raise NotApproved where that fails."""

    def look() -> "ConnectorStatus":
        (connector,) = _status(session, connector_id=connector_id, mind=None, all_minds=False).connectors
        return connector

    earlier_error = look().last_error
    while (connector := look()).status == "pending_setup":
        if connector.last_error is not None and connector.last_error != earlier_error:
            raise NotApproved(connector.last_error.message, hint=connector.last_error.hint)
        time.sleep(APPROVAL_POLL_S)
    if connector.replaced_by is None:
        return connector
    connector_id = connector.replaced_by
    return look()


def _key_and_value(setting: str) -> tuple[str, Any]:
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise UsageError(f"{setting!r} is not KEY=VALUE.", hint="For example: hubspot_synthesis_cadence=monthly")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value
