"""The answers of the tools `connectors` and `minds` as text."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from coppermind_pipeline.accounts import Mind, MindList
from coppermind_pipeline.connectors import (
    ConfigureResponse,
    ConnectorStatus,
    ConnectResponse,
    DisconnectResponse,
    EventsResponse,
    ResyncResponse,
    SetupHelp,
    StatusResponse,
    SyncResponse,
)
from coppermind_pipeline.interfaces.mcp.texts.readable import readable
from coppermind_pipeline.interfaces.state_words import polling_stopped_words, scans_under_way, state_words
from coppermind_pipeline.wording import about, as_words, bullets, capitalized, count, number, utc_minute, utc_second


@readable.register
def _(answer: ConnectResponse) -> str:
    return (
        f"Connector {answer.connector_id} of the mind {answer.mind} waits for its approval, until "
        f"{utc_minute(answer.auth_url_expires_at)} UTC: {answer.auth_url}\n{answer.next_step}\n\n"
        f"{_setup_help(answer.setup_help)}"
    )


@readable.register
def _(answer: StatusResponse) -> str:
    parts = [_connector(connector) for connector in answer.connectors]
    if answer.polling_stopped_since is not None:
        parts.insert(0, polling_stopped_words(answer.polling_stopped_since))
    if not parts:
        parts.append(f"The mind {answer.mind} has no connector. {answer.next_step}")
    if answer.somebody_connects:
        parts.append(_setup_help(answer.setup_help))
    return "\n\n".join(parts)


def _connector(connector: ConnectorStatus) -> str:
    heading = (
        f"{connector.connector_id} (mind {connector.mind}): {connector.status}, {state_words(connector).words}."
        f" Next: {connector.next_step}"
    )
    return f"{heading}\n{bullets(f'{name}: {said}' for name, said in _facts(connector) if said)}"


def _facts(connector: ConnectorStatus) -> Iterable[tuple[str, str | None]]:
    """Return what is known of a connector, as name and value; without a value nothing is to be said."""
    diagnostics, backfill = connector.hubspot_diagnostics, connector.hubspot_backfill
    error, queue, pulled = connector.last_error, diagnostics.queue, diagnostics.last_successful_hubspot_pull
    yield "Last error", None if error is None else f"{error.message} {error.hint} ({utc_minute(error.at)} UTC)"
    for each in diagnostics.persistent_errors:
        yield "Error that stays", f"{each.message} {each.hint} (since {utc_minute(each.since)} UTC)"
    yield "Warning", " ".join(connector.warnings)
    yield "Portal", None if connector.hub_id is None else str(connector.hub_id)
    yield "Replaced by", connector.replaced_by
    yield "Last complete pull", None if pulled is None else f"{utc_minute(pulled)} UTC"
    yield "Records pulled so far", _counts(diagnostics.records_pulled_by_type)
    yield "Of these by the last poll", _counts(diagnostics.last_poll_record_counts_by_type)
    if backfill is not None:
        left = "" if backfill.eta_seconds is None else f", {about(backfill.eta_seconds)} left"
        since = f"since {utc_minute(backfill.since)} UTC"
        yield "Backfill", f"{backfill.status}, {since}{left}; discovered {_counts(backfill.counts) or 'nothing yet'}"
    for scan in scans_under_way(connector):
        total = "" if scan.total is None else f" of {number(scan.total)}"
        yield f"Backfill of {scan.object_type}", f"{number(scan.done)}{total}"
    waiting = f"{number(queue.pending)} pending, {number(queue.in_progress)} in progress, {number(queue.dead)} failed"
    yield "Queue", f"{as_words(diagnostics.queue_state)}: {waiting}"
    deal = diagnostics.latest_deal_seen
    yield "Deal modified last", deal and f"{deal.name or deal.id}, {utc_minute(deal.modified_at)} UTC"
    yield "Synthesis", _synthesis(connector)
    yield "Properties", "some are refused" if diagnostics.hydration == "degraded" else None
    yield (
        "Records that HubSpot does not answer for",
        _counts({object_type: skipped.count for object_type, skipped in diagnostics.skipped_records.items()}),
    )
    yield "Differs from HubSpot's own count", None if diagnostics.drift is None else _as_data(diagnostics.drift)
    yield "Configured", _as_data(connector.config) if connector.config else None
    yield from _profile(connector.portal_profile or {})


def _synthesis(connector: ConnectorStatus) -> str:
    diagnostics = connector.hubspot_diagnostics
    published, due = diagnostics.synthesis_recomputed_at, diagnostics.aggregate_recompute_at
    parts = [
        diagnostics.synthesis_cadence,
        diagnostics.synthesis_period_key
        and f"{number(diagnostics.synthesis_count)} memories of {diagnostics.synthesis_period_key}",
        published and f"published {utc_minute(published)} UTC",
        due and f"next due {utc_minute(due)} UTC",
        diagnostics.synthesis_skipped_reason,
        diagnostics.synthesis_last_error,
    ]
    return ", ".join(part for part in parts if part)


def _profile(profile: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """Return the portal's profile in words: shares as "3 of 40"."""
    for name, found in profile.items():
        if name == "profiled_at" or not found:
            continue
        match name:
            case "pipelines":
                told = [
                    f"{each['label']} ({_deals(each['deals'])}, {count(each['stages'], 'stage')})" for each in found
                ]
                yield "Pipelines", "; ".join(told)
            case "currencies":
                yield "Currencies", ", ".join(f"{currency} ({_deals(deals)})" for currency, deals in found.items())
            case "filtered":
                yield "Filtered", ", ".join(f"{_share(each)} {object_type}" for object_type, each in found.items())
            case "suggested_exclusions":
                told = [f"{each['domain']} ({count(each['contacts'], 'contact')}): {each['reason']}" for each in found]
                yield "Perhaps the client's own people", " ".join(told)
            case "questions":
                yield "Worth asking", " ".join(found)
            case _:
                yield capitalized(as_words(name)), _share(found)


def _deals(deals: int) -> str:
    return count(deals, "deal")


def _share(share: Mapping[str, Any]) -> str:
    return f"{number(share['count'])} of {number(share['of'])}"


@readable.register
def _(answer: ConfigureResponse) -> str:
    preview = "; ".join(
        f"{object_type}: keeps {number(counts.kept)}, removes {number(counts.removed)}"
        for object_type, counts in (answer.filter_preview or {}).items()
    )
    parts = [
        f"{answer.connector_id} (mind {answer.mind}): {answer.message}",
        preview,
        *answer.warnings,
        f"Configured: {_as_data(answer.config)}" if answer.config else "",
        answer.next_step,
    ]
    return "\n".join(part for part in parts if part)


@readable.register
def _(answer: SyncResponse | DisconnectResponse) -> str:
    return f"{answer.connector_id} (mind {answer.mind}): {answer.message} {answer.next_step}"


@readable.register
def _(answer: ResyncResponse) -> str:
    what = f"{', '.join(answer.object_types)} since {utc_minute(answer.since)} UTC"
    return f"{answer.connector_id} (mind {answer.mind}): {answer.message} It reads {what}. {answer.next_step}"


@readable.register
def _(answer: EventsResponse) -> str:
    more = [f"There are more: before={answer.next_before}."] if answer.next_before is not None else []
    lines = [f"{utc_second(e.at)} UTC {e.severity} {e.code}: {e.message} {e.hint}".strip() for e in answer.events]
    return "\n".join([f"{answer.connector_id} (mind {answer.mind}), newest first:", *lines, *more])


@readable.register
def _(answer: Mind) -> str:
    domains = f", {', '.join(answer.domains)}" if answer.domains else ""
    return f"Mind {answer.name} ({answer.kind}{domains}){', the active one' if answer.active else ''}."


@readable.register
def _(answer: MindList) -> str:
    return "\n".join(map(readable, answer.minds)) or "There is no mind yet: `minds action=create name=CLIENT`"


def _setup_help(help_: SetupHelp) -> str:
    refusals = (f"“{each.text}”: {each.meaning} {each.what_to_do}" for each in help_.refusals)
    return "\n".join(
        [
            "Who connects a portal:",
            bullets(help_.steps),
            f"{help_.permissions} Scopes: {', '.join(help_.scopes)}. {help_.scopes_note}",
            f"“{help_.wrong_flow.text}”: {help_.wrong_flow.meaning} {help_.wrong_flow.what_to_do}",
            "Where HubSpot refuses the link:",
            bullets(refusals),
            f"Never ask a customer for: {', '.join(help_.never_ask_for)}.",
        ]
    )


def _counts(by_type: Mapping[Any, int]) -> str | None:
    return ", ".join(f"{number(found)} {object_type}" for object_type, found in by_type.items()) or None


def _as_data(value: Any) -> str:
    return orjson.dumps(value).decode()
