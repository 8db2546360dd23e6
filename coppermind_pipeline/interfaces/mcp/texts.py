"""Each answer in a few words: what it is, and how far to trust it. The figures are in the structured content."""

import json
from functools import singledispatch
from typing import Any

from coppermind_pipeline.accounts import Mind, MindList
from coppermind_pipeline.connectors import (
    ConfigureResponse,
    ConnectorStatus,
    ConnectResponse,
    DisconnectResponse,
    EventsResponse,
    ResyncResponse,
    StatusResponse,
    SyncResponse,
)
from coppermind_pipeline.interfaces.state_words import polling_stopped_words, state_words
from coppermind_pipeline.reports import (
    Account,
    Brief,
    Changes,
    CrmReport,
    Digest,
    Explanation,
    FoundMemories,
    LeadReport,
    ListedMemories,
    ListedMetrics,
    OneMemory,
    RenderedAccount,
    RenderedBrief,
    RenderedDigest,
    RenderedReport,
    TrustBlock,
    brief_markdown,
    digest_markdown,
)
from coppermind_pipeline.wording import as_words, count, number, utc_minute, utc_second


@singledispatch
def readable(answer: Any) -> str:
    """Return an answer as a person would sum it up."""
    raise NotImplementedError(type(answer))


@readable.register
def _(answer: ConnectResponse) -> str:
    return (
        f"Connector {answer.connector_id} of the mind {answer.mind} waits for its approval: {answer.auth_url}\n"
        f"{answer.next_step}"
    )


@readable.register
def _(answer: StatusResponse) -> str:
    lines = [_connector(connector) for connector in answer.connectors]
    if answer.polling_stopped_since is not None:
        lines.insert(0, polling_stopped_words(answer.polling_stopped_since))
    return "\n".join(lines) or f"The mind {answer.mind} has no connector. {answer.next_step}"


def _connector(connector: ConnectorStatus) -> str:
    error = f" Last error: {connector.last_error.message}" if connector.last_error else ""
    return (
        f"{connector.connector_id} (mind {connector.mind}): {connector.status}, {state_words(connector).words}."
        f"{error} Next: {connector.next_step}"
    )


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
        answer.next_step,
    ]
    return "\n".join(part for part in parts if part)


@readable.register(SyncResponse | ResyncResponse | DisconnectResponse)
def _(answer: SyncResponse | ResyncResponse | DisconnectResponse) -> str:
    return f"{answer.connector_id} (mind {answer.mind}): {answer.message} {answer.next_step}"


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
    return "\n".join(map(readable, answer.minds)) or "There is no mind yet: minds action=create name=CLIENT"


@readable.register
def _(answer: FoundMemories) -> str:
    more = " There are more; a narrower search shows them." if answer.more else ""
    corrected = "".join(f" No memory has “{word}”; searched for “{it}”." for word, it in answer.did_you_mean.items())
    ranked = f" More match than the {number(answer.ranked_max)} that were ranked." if answer.ranked_max else ""
    return f"{_trust(answer.trust)}\n{count(len(answer.memories), 'memory')} found.{corrected}{more}{ranked}"


@readable.register
def _(answer: ListedMemories) -> str:
    more = f" There are more: before={answer.next_before}." if answer.next_before is not None else ""
    return f"{_trust(answer.trust)}\n{count(len(answer.memories), 'memory')}, newest first.{more}"


@readable.register
def _(answer: OneMemory) -> str:
    return f"{_trust(answer.trust)}\n{answer.memory.content}"


@readable.register
def _(answer: ListedMetrics) -> str:
    more = f" There are more: after={answer.next_after}." if answer.next_after is not None else ""
    return "\n".join([*(f"{each.id} ({each.label}): {each.definition}" for each in answer.metrics), more]).strip()


@readable.register(CrmReport | LeadReport | Changes)
def _(answer: CrmReport | LeadReport | Changes) -> str:
    return "\n".join([_trust(answer.trust), *_caveats(answer.audit.caveats), *answer.headline])


@readable.register
def _(answer: Explanation) -> str:
    what = answer.definition or answer.figure.partition("#")[2]
    same = "the same today" if answer.same_today else f"not the same today ({', '.join(answer.changed)} changed)"
    rows = f"{count(answer.total, 'deal')}, of which {number(len(answer.rows))} are listed"
    as_of = f"As of {utc_minute(answer.as_of)} UTC: {json.dumps(answer.value)}, made of {rows}; {same}."
    return "\n".join([_trust(answer.trust), *_caveats(answer.caveats), what, as_of])


@readable.register
def _(answer: Account) -> str:
    return "\n".join([_trust(answer.trust), *_caveats(answer.audit.caveats), *answer.headline])


@readable.register
def _(answer: Brief) -> str:
    return "\n".join([_trust(answer.trust), brief_markdown(answer)])


@readable.register
def _(answer: Digest) -> str:
    return digest_markdown(answer)


@readable.register
def _(answer: RenderedDigest) -> str:
    return answer.content


@readable.register(RenderedReport | RenderedAccount | RenderedBrief)
def _(answer: RenderedReport | RenderedAccount | RenderedBrief) -> str:
    return "\n".join([_trust(answer.trust), *_caveats(answer.caveats), f"The {answer.format} is in `content`."])


def _trust(trust: TrustBlock) -> str:
    synced = trust.last_successful_sync
    when = f"synced {utc_minute(synced)} UTC" if synced else "not completely synced yet"
    fresh = as_words(trust.freshness)
    return f"Mind {trust.mind}: {when}, {fresh}; backfill {'complete' if trust.backfill_complete else 'not complete'}."


def _caveats(caveats: list[str]) -> list[str]:
    return [f"Caveat: {caveat}" for caveat in caveats]
