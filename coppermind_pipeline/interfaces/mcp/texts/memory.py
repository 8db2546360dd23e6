"""The answers of the tool `memory` as text: trust first, then what the answer says, then how to go on."""

from collections.abc import Iterable, Mapping, Sequence

from coppermind_pipeline.interfaces.mcp.texts.readable import readable
from coppermind_pipeline.memories import Memory
from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.reports import (
    FIGURES_OF_GROUPS,
    Account,
    Brief,
    Changes,
    CrmReport,
    Digest,
    Explanation,
    FoundMemories,
    LeadReport,
    LeftOut,
    ListedMemories,
    ListedMetrics,
    OneMemory,
    RenderedAccount,
    RenderedBrief,
    RenderedDigest,
    RenderedReport,
    ReportFormat,
    TrustBlock,
    account_markdown,
    brief_markdown,
    digest_markdown,
    explanation_markdown,
    render,
    render_changes,
    render_leads,
)
from coppermind_pipeline.wording import as_words, bullets, capitalized, count, number, utc_minute


@readable.register
def _(answer: FoundMemories) -> str:
    more = " There are more; a narrower search shows them." if answer.more else ""
    corrected = "".join(f" No memory has “{word}”; searched for “{it}”." for word, it in answer.did_you_mean.items())
    ranked = f" More match than the {number(answer.ranked_max)} that were ranked." if answer.ranked_max else ""
    found = f"{count(len(answer.memories), 'memory')} found.{corrected}{more}{ranked}"
    return "\n\n".join([f"{_trust(answer.trust)}\n{found}", *map(_memory, answer.memories)])


@readable.register
def _(answer: ListedMemories) -> str:
    more = f" There are more: before={answer.next_before}." if answer.next_before is not None else ""
    listed = f"{count(len(answer.memories), 'memory')}, newest first.{more}"
    return "\n\n".join([f"{_trust(answer.trust)}\n{listed}", *map(_memory, answer.memories)])


@readable.register
def _(answer: OneMemory) -> str:
    return f"{_trust(answer.trust)}\n\n{_memory(answer.memory)}"


def _memory(memory: Memory) -> str:
    gone = memory.retired_reason or ("superseded" if memory.superseded_at else None)
    kind = ", ".join([as_words(memory.type), memory.sensitivity, *([gone] if gone else [])])
    origin = memory.provenance
    as_of = f", as of {utc_minute(origin.as_of)} UTC" if origin.as_of else ""
    return f"## {memory.id}: {kind}\n{memory.content}\n{origin.url or memory.source_ref}{as_of}"


@readable.register
def _(answer: ListedMetrics) -> str:
    if len(answer.metrics) == 1:
        (metric,) = answer.metrics
        return f"{_trust(answer.trust)}\n{bullets(_whole(metric))}"
    listed = bullets(f"{each.id} ({each.label}): {each.definition}" for each in answer.metrics)
    more = f"\nThere are more: after={answer.next_after}." if answer.next_after is not None else ""
    return f"{_trust(answer.trust)}\n{listed}\nAll of one: metric=ID.{more}"


def _whole(metric: Metric) -> Iterable[str]:
    for name, value in metric.model_dump(mode="json").items():
        if isinstance(value, Mapping):
            yield f"{capitalized(as_words(name))}: {', '.join(f'{each}: {place}' for each, place in value.items())}"
        elif value:
            yield f"{capitalized(as_words(name))}: {value if isinstance(value, str) else ', '.join(value)}"


@readable.register
def _(answer: CrmReport) -> str:
    text, left_out = render(answer, ReportFormat.MARKDOWN), _not_in_text(answer.audit.left_out)
    withheld = [f"{as_words(name)}: {why}" for name, why in answer.audit.withheld.items()]
    figure = _figure(answer.audit.answer_id, "closed_won.deals")
    return _with_what_follows(answer.trust, text, left_out, figure, withheld)


@readable.register
def _(answer: LeadReport) -> str:
    text, left_out = render_leads(answer, ReportFormat.MARKDOWN), _not_in_text(answer.audit.left_out)
    return _with_what_follows(answer.trust, text, left_out, _figure(answer.audit.answer_id, "new_contacts"))


def _not_in_text(left_out: Sequence[LeftOut]) -> Sequence[LeftOut]:
    """Return what the text leaves out, too: of groups it has all figures."""
    return [each for each in left_out if each.part != FIGURES_OF_GROUPS]


@readable.register
def _(answer: Changes) -> str:
    page = answer.deals
    more = f"{count(page.total, 'deal')} in all; page={page.next_page} goes on."
    left_out = [] if page.next_page is None else [LeftOut(part="deals", said=more)]
    return _with_what_follows(answer.trust, render_changes(answer, ReportFormat.MARKDOWN), left_out)


@readable.register
def _(answer: Explanation) -> str:
    return _with_what_follows(answer.trust, explanation_markdown(answer))


@readable.register
def _(answer: Account) -> str:
    return _with_what_follows(answer.trust, account_markdown(answer), answer.audit.left_out)


@readable.register
def _(answer: Brief) -> str:
    return _with_what_follows(answer.trust, brief_markdown(answer))


@readable.register
def _(answer: Digest) -> str:
    return digest_markdown(answer)


@readable.register
def _(answer: RenderedDigest) -> str:
    return answer.content


@readable.register(RenderedReport | RenderedAccount)
def _(answer: RenderedReport | RenderedAccount) -> str:
    return _rendered(answer, answer.left_out)


@readable.register
def _(answer: RenderedBrief) -> str:
    return _rendered(answer)


def _rendered(answer: RenderedReport | RenderedAccount | RenderedBrief, left_out: Sequence[LeftOut] = ()) -> str:
    """Return the text that was asked for; only a table of values has its caveats beside it."""
    beside = [f"Caveat: {caveat}" for caveat in answer.caveats] if answer.format == "csv" else []
    return _with_what_follows(answer.trust, "\n".join([*beside, answer.content]), left_out)


def _with_what_follows(
    trust: TrustBlock,
    text: str,
    left_out: Sequence[LeftOut] = (),
    figure: str | None = None,
    withheld: Sequence[str] = (),
) -> str:
    """Return a text behind its trust, with what it leaves out, and where its numbers come from, below it."""
    lines = [
        *(f"Not counted: {each}" for each in withheld),
        *(_left_out(each) for each in left_out if not _said_in(text, each)),
    ]
    if figure is not None:
        lines.append(f"Where a number comes from: `memory action=explain`, with its path behind #: figure={figure}")
    follows = f"\n## How to go on\n\n{bullets(lines)}\n" if lines else ""
    return f"{_trust(trust)}\n\n{text}{follows}"


def _figure(answer_id: str | None, path: str) -> str | None:
    return None if answer_id is None else f"{answer_id}#summary.{path}"


def _left_out(each: LeftOut) -> str:
    arguments = {**(each.arguments or {}), **({"cursor": each.next_cursor} if each.next_cursor is not None else {})}
    named = " ".join([*([f"action={each.action}"] if each.action else []),
                      *(f"{name}={value}" for name, value in arguments.items())])  # fmt: skip
    return f"{each.said} For what is missing: {named}" if named else each.said


def _said_in(text: str, each: LeftOut) -> bool:
    return each.next_cursor is not None and each.next_cursor in text


def _trust(trust: TrustBlock) -> str:
    if not trust.connector_ids and trust.mind_id is not None:  # a client's answer names neither
        return f"Mind {trust.mind}: no HubSpot portal is connected yet."
    synced = trust.last_successful_sync
    when = f"synced {utc_minute(synced)} UTC" if synced else "not completely synced yet"
    fresh = as_words(trust.freshness)
    return f"Mind {trust.mind}: {when}, {fresh}; backfill {'complete' if trust.backfill_complete else 'not complete'}."
