"""How the command line shows what the connectors tool answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.state_words import (
    polling_stopped_words,
    scans_under_way,
    state_words,
)
from coppermind_pipeline.wording import about, number, utc_minute, utc_second

if TYPE_CHECKING:
    from coppermind_pipeline.connectors import (
        ConfigureResponse,
        ConnectorStatus,
        ConnectResponse,
        EventsResponse,
        StatusResponse,
    )

_STYLES = {"good": "green", "busy": "cyan", "warn": "yellow", "bad": "red", "idle": "dim"}
_BAR_CHARACTERS = 24


def authorization(answer: ConnectResponse) -> RenderableType:
    """Show the link to approve, and what to do where nothing would receive the approval."""
    return Group(
        Text.assemble(
            "Connector ", (answer.connector_id, "bold"), f" waits for its approval, for the mind {answer.mind}."
        ),
        Text("Open this link in a browser and approve the read-only app in HubSpot:"),
        Text(""),
        Text(answer.auth_url),
        Text(""),
        Text(output.in_commands(answer.next_step), style="dim" if answer.callback_listening else "yellow"),
    )


def many(answer: StatusResponse, *, setup_help: bool = False) -> RenderableType:
    """Show every connector of a status answer; first, where it is so, that nothing polls them.

    Last comes what HubSpot may refuse, while somebody connects a portal or if it is asked for.
    """
    each = _each(answer, setup_help=setup_help or answer.somebody_connects)
    if answer.paused_since is not None:
        since = f"{utc_minute(answer.paused_since)} UTC"
        paused = f"The installation was restored from a backup, and is paused since {since}."
        return Group(Text(paused, style="yellow"), Text(""), *each)
    if answer.polling_stopped_since is not None:
        return Group(Text(polling_stopped_words(answer.polling_stopped_since), style="yellow"), Text(""), *each)
    return Group(*each)


def _each(answer: StatusResponse, *, setup_help: bool) -> Iterable[RenderableType]:
    if not answer.connectors:
        return [Text(output.in_commands(answer.next_step or "There is no connector yet."))]
    lines: list[RenderableType] = []
    for connector in answer.connectors:
        lines += [one(connector), Text("")]
    if setup_help:
        lines += [Text("If HubSpot refuses, it says so on a page of its own and tells Coppermind nothing:")]
        lines += [
            Text.assemble(
                "  ", (refusal.text, "bold"), f"\n    {refusal.meaning} {output.in_commands(refusal.what_to_do)}"
            )
            for refusal in answer.setup_help.refusals
        ] + [Text("")]
    return lines[:-1]


def one(connector: ConnectorStatus) -> RenderableType:
    """Show one connector: its state, a running backfill, its counts, its last error, what to do."""
    state = state_words(connector)
    portal = f"portal {connector.hub_id}" if connector.hub_id else "no portal yet"
    return Group(
        Text.assemble((connector.connector_id, "bold"), (f"  {connector.mind}, {portal}", "dim")),
        Text.assemble("  ", (f"● {state.words}", _STYLES[state.tone]), (f"  {connector.status.value}", "dim")),
        *_backfill(connector),
        *_pulls(connector),
        *_errors(connector),
        Text(f"  Next: {output.in_commands(connector.next_step)}"),
    )


def configuration(answer: ConfigureResponse) -> RenderableType:
    """Show what a change of the configuration did, and what its filters keep and remove."""
    lines = [Text(output.in_commands(answer.message))]
    for object_type, preview in (answer.filter_preview or {}).items():
        lines.append(Text(f"  {object_type.value}: keeps {number(preview.kept)}, removes {number(preview.removed)}"))
    lines += [Text(output.in_commands(warning), style="yellow") for warning in answer.warnings]
    lines.append(Text(output.in_commands(answer.next_step), style="dim"))
    return Group(*lines)


def events(answer: EventsResponse) -> RenderableType:
    """Show the entries of a connector's log, and how to see those before."""
    rows = (
        (str(e.id), utc_second(e.at), e.severity, e.code, output.in_commands(f"{e.message} {e.hint}".strip()))
        for e in answer.events
    )
    log = output.table("Id", "At (UTC)", "Severity", "Code", "What happened", rows=rows, empty="The log is empty.")
    more = [] if answer.next_before is None else [Text(f"There are more: --before {answer.next_before}", style="dim")]
    return Group(log, *more)


def done(message: str, next_step: str) -> RenderableType:
    """Show what an action did and what comes next."""
    return Group(Text(output.in_commands(message)), Text(output.in_commands(next_step), style="dim"))


def _backfill(connector: ConnectorStatus) -> Iterable[Text]:
    for scan in scans_under_way(connector):
        filled = round(_BAR_CHARACTERS * (scan.share or 0))
        bar = ("━" * filled, "cyan"), ("─" * (_BAR_CHARACTERS - filled), "dim")
        total = "" if scan.total is None else f" of {number(scan.total)}"
        yield Text.assemble(f"  {scan.object_type:<10} ", *bar, f" {number(scan.done)}{total}")
    backfill = connector.hubspot_backfill
    if backfill is not None and backfill.eta_seconds is not None:
        yield Text(f"  {about(backfill.eta_seconds)} left", style="dim")


def _pulls(connector: ConnectorStatus) -> Iterable[Text]:
    diagnostics = connector.hubspot_diagnostics
    if diagnostics.last_successful_hubspot_pull is not None:
        pulled = ", ".join(
            f"{number(count)} {kind.value}" for kind, count in diagnostics.records_pulled_by_type.items()
        )
        yield Text(f"  Last pull {utc_minute(diagnostics.last_successful_hubspot_pull)} UTC; so far {pulled}")
    queue = diagnostics.queue
    if queue.pending or queue.in_progress or queue.dead:
        yield Text(
            f"  Queue: {number(queue.pending)} pending, {number(queue.in_progress)} in progress, "
            f"{number(queue.dead)} failed"
        )


def _errors(connector: ConnectorStatus) -> Iterable[Text]:
    if connector.last_error is not None:
        at = f" ({utc_minute(connector.last_error.at)} UTC)"
        yield Text.assemble("  ", (output.in_commands(connector.last_error.message), "red"), (at, "dim"))
