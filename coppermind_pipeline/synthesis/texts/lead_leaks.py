"""The text of the lead leaks."""

from coppermind_pipeline.crm import POSTPONED_STATUS, STUCK_AFTER, STUCK_STAGES
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LEAK_KINDS, LeadLeaks, LeakKind, Leaks
from coppermind_pipeline.synthesis.texts.wording import (
    RATE_DENOMINATOR_MIN,
    ROWS_MAX,
    WHAT_A_RANGE_IS,
    Wording,
    beside_the_others,
    changed,
    closing,
    document,
    name_line,
    opening,
    rate,
    rate_and_range,
    why_none_stands_out,
)
from coppermind_pipeline.wording import bullets, count, number

_REASONS_MAX = 5

# As HubSpot names them, for portals whose definitions don't.
_DEFAULT_STAGES = {
    "lead": "Lead",
    "marketingqualifiedlead": "Marketing Qualified Lead",
    "salesqualifiedlead": "Sales Qualified Lead",
}
_DEFAULT_POSTPONED = "Bad Timing"


def lead_leaks_text(
    leaks: LeadLeaks, previous: LeadLeaks | None, wording: Wording, *, disqualified_statuses: tuple[str, ...]
) -> str:
    """Return the text of the lead leaks: the three kinds, then each source with what they are a part of."""
    return document(
        opening("Lead leaks", wording.coverage),
        _totals(leaks.total, wording, disqualified_statuses),
        _reasons(leaks, wording),
        "By source, most leaked leads first:\n" + bullets(_rows(leaks, wording)),
        _standing_out(leaks, wording),
        closing(_changes(leaks, previous, wording) if previous is not None else None, wording.coverage),
    )


def _totals(total: Leaks, wording: Wording, disqualified_statuses: tuple[str, ...]) -> str:
    labels = wording.labels
    disqualified = dict.fromkeys(str(labels.lead_status(ObjectType.CONTACTS, each)) for each in disqualified_statuses)
    postponed = labels.lead_status(ObjectType.CONTACTS, POSTPONED_STATUS)
    stages = {name: labels.lifecycle_stage(ObjectType.CONTACTS, name) for name in STUCK_STAGES}
    stuck_in = [str(label) if label.resolved else _DEFAULT_STAGES[name] for name, label in stages.items()]
    meanings = {
        "disqualified": f"Disqualified (lead status {', '.join(disqualified) or 'not configured'})",
        "postponed": f"Postponed (lead status {postponed if postponed.resolved else _DEFAULT_POSTPONED})",
        "stuck": f"Stuck (lifecycle stage {', '.join(stuck_in)}; no open deal, unchanged for {STUCK_AFTER.days} days)",
    }
    return document(
        f"{count(total.leads, 'lead')}: contacts whose lifecycle stage is or was lead or later. HubSpot's separate "
        "Lead records are not read. Each lead counts once, in the first of these that it meets:",
        bullets(f"{meanings[kind]}: {rate(total.of(kind), total.leads, 'lead')}" for kind in LEAK_KINDS),
    )


def _reasons(leaks: LeadLeaks, wording: Wording) -> str:
    total = leaks.total.disqualified
    if not total:
        return ""
    if leaks.reason_property is None:
        return "No contact property of this portal gives a reason of disqualification."
    definition = wording.labels.definitions[ObjectType.CONTACTS][leaks.reason_property]
    shown = [
        f"{name_line(str(wording.labels.option(ObjectType.CONTACTS, leaks.reason_property, reason.value)))} "
        f"{number(reason.leads)}"
        for reason in leaks.reasons[:_REASONS_MAX]
    ]
    given = sum(reason.leads for reason in leaks.reasons)
    others = given - sum(reason.leads for reason in leaks.reasons[:_REASONS_MAX])
    shown += [f"other reasons {number(others)}"] if others else []
    shown.append(f"no reason given {number(total - given)}")
    return f"Reasons of the {number(total)} disqualified ({name_line(definition.label)}): {', '.join(shown)}."


def _rows(leaks: LeadLeaks, wording: Wording) -> list[str]:
    known = [source for source in leaks.sources if source.source is not None]
    unknown = next((source for source in leaks.sources if source.source is None), None)
    rows = [_row(source, f"{wording.source(source.source)} lead") for source in known[:ROWS_MAX]]
    if rest := known[ROWS_MAX:]:
        others = Leaks(
            source=None,
            leads=sum(source.leads for source in rest),
            disqualified=sum(source.disqualified for source in rest),
            postponed=sum(source.postponed for source in rest),
            stuck=sum(source.stuck for source in rest),
        )
        rows.append(f"{count(len(rest), 'other source')}: {_row(others, 'lead')}")
    label = wording.source(None)
    rows.append(f"{label}: {_row(unknown, 'lead')}" if unknown is not None else f"{label}: no leads")
    return rows


def _standing_out(leaks: LeadLeaks, wording: Wording) -> str:
    """Return which leaks differ from those of the other sources by more than chance would bring."""
    sides = (("Worse than elsewhere:", leaks.rates.higher), ("Better than elsewhere:", leaks.rates.lower))
    sentences = []
    for title, rates in sides:
        if rates:
            sentences += [title, *(f"{beside_the_others(each, wording)}." for each in rates)]
    if not sentences:
        why = why_none_stands_out(leaks.rates, "leads", told_in="lead leaks")
        sentences = ["No source's leaks stand out from those of the others.", why]
    if any(each.leaked and each.leads >= RATE_DENOMINATOR_MIN for each in leaks.sources):
        sentences.append(WHAT_A_RANGE_IS)
    return " ".join(sentences)


def _row(source: Leaks, noun: str) -> str:
    disqualified, postponed, stuck = (f"{kind}{_share(source, kind)}" for kind in LEAK_KINDS)
    return (
        f"{number(source.disqualified)} of {count(source.leads, noun)} {disqualified}, "
        f"{number(source.postponed)} {postponed}, {number(source.stuck)} {stuck}"
    )


def _share(source: Leaks, kind: LeakKind) -> str:
    part = source.of(kind)
    return f" ({rate_and_range(part, source.leads)})" if part and source.leads >= RATE_DENOMINATOR_MIN else ""


def _changes(leaks: LeadLeaks, previous: LeadLeaks, wording: Wording) -> list[str]:
    before = {source.source: source.leaked for source in previous.sources}
    return [
        *changed("leads", previous.total.leads, leaks.total.leads),
        *(change for kind in LEAK_KINDS for change in changed(kind, previous.total.of(kind), leaks.total.of(kind))),
        *(
            change
            for source in leaks.sources[:ROWS_MAX]
            for change in changed(
                f"leaked leads from {wording.source(source.source)}", before.get(source.source, 0), source.leaked
            )
        ),
    ]
