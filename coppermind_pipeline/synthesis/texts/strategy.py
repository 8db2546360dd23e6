"""The text of the strategy."""

from collections.abc import Mapping

from coppermind_pipeline.crm import country_name
from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN, Aggregate
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals, NotableDeal
from coppermind_pipeline.synthesis.aggregates.strategy import (
    OFFLINE,
    RATE_DENOMINATOR_MIN,
    Move,
    Ranking,
    Strategy,
    WorstLeak,
)
from coppermind_pipeline.synthesis.texts.wording import (
    Wording,
    changed,
    changed_text,
    closing,
    document,
    name_line,
    opening,
    rate,
    sums,
    theme_names,
)
from coppermind_pipeline.wording import agreeing, are, count, day, have, money, percent

_BASIS = {
    "revenue": "closed-won revenue",
    "revenue_home": "closed-won revenue in the portal's currency",
    "won_deals": "won deals",
}


def strategy_text(
    found: Strategy, previous: Strategy | None, wording: Wording, *, skipped: Mapping[Aggregate, str]
) -> str:
    """Return the text of the strategy, one paragraph per subject; a skipped aggregate says why in place of its own."""
    return document(
        opening("HubSpot marketing strategy", wording.coverage),
        "Strongest source: " + (skipped.get(Aggregate.CHANNEL_MIX) or _source(found.ranking, wording)),
        "Worst lead leak: " + (skipped.get(Aggregate.LEAD_LEAKS) or _leak(found.worst_leak, wording)),
        "Geography: " + (skipped.get(Aggregate.GEOGRAPHY) or _geography(found)),
        "Top loss theme: " + (skipped.get(Aggregate.LOSS_THEMES) or _losses(found)),
        "Notable deal: " + _notable(found.signals.notable, wording),
        "Overdue: " + _overdue(found.signals),
        "Next planning move to inspect: " + _move(found, wording),
        closing(_changes(found, previous, wording) if previous is not None else None, wording.coverage),
    )


def _source(ranking: Ranking | None, wording: Wording) -> str:
    if ranking is None:
        return "no deal was won yet."
    basis = _BASIS[ranking.basis]
    if ranking.too_thin:
        return (
            f"attribution is too thin to rank. {wording.source(OFFLINE)} and {wording.source(None)} hold "
            f"{percent(ranking.unattributed_share)} of {basis}."
        )
    if ranking.strongest is None:
        return (
            f"none yet; no source other than {wording.source(OFFLINE)} and {wording.source(None)} has "
            f"{RECORDS_MIN} won deals."
        )
    won = ranking.strongest.won
    return (
        f"{wording.source(ranking.strongest.source)}, with {count(won.deals, 'won deal')} and {sums(won.revenue)} "
        f"closed-won revenue: {percent(ranking.strongest_share)} of all {basis}."
    )


def _leak(leak: WorstLeak | None, wording: Wording) -> str:
    if leak is None:
        return f"none stands out among the sources with at least {RATE_DENOMINATOR_MIN} leads."
    return f"{_leaked(leak, wording)}."


def _leaked(leak: WorstLeak, wording: Wording) -> str:
    was = agreeing(leak.leaked, "was", "were")
    what = {
        "disqualified": f"{was} disqualified",
        "postponed": f"{was} postponed",
        "stuck": f"{are(leak.leaked)} stuck",
    }[leak.kind]
    if leak.source is None:
        return f"{rate(leak.leaked, leak.leads, 'lead')} from an unknown source {what}"
    return f"{rate(leak.leaked, leak.leads, f'{wording.source(leak.source)} lead')} {what}"


def _geography(found: Strategy) -> str:
    top, total = found.top_country, found.customers
    unplaced = (
        f" {count(found.unplaced_customers, 'customer')} without a known country." if found.unplaced_customers else ""
    )
    if top is None or total is None:
        return f"no customer has a known country.{unplaced}"
    return (
        f"{country_name(top.code)} first, with {rate(top.at.customers, total.customers, 'customer')} and "
        f"{sums(top.at.revenue)} closed-won revenue.{unplaced}"
    )


def _losses(found: Strategy) -> str:
    if found.lost is None:
        return "none."
    without = f" No reason is given for {rate(found.lost_without_reason, found.lost.deals, 'lost deal')}."
    if not found.top_themes:
        return f"no theme has {RECORDS_MIN} lost deals.{without}"
    first = found.top_themes[0].lost
    names = theme_names(found.top_themes)
    each = " each" if len(found.top_themes) > 1 else ""
    value = f", {sums(first.value)} lost" if first.value and not each else ""
    return f"{names}, {rate(first.deals, found.lost.deals, 'lost deal')}{each}{value}.{without}"


def _notable(deal: NotableDeal | None, wording: Wording) -> str:
    if deal is None:
        return "no open deal in a late stage and no deal won in the last 90 days has an amount."
    company = f" with {name_line(deal.company)}" if deal.company else ""
    what = f"{_deal_name(deal)}{company}, {money(deal.amount, deal.currency)}"
    closed = day(deal.close_day) if deal.close_day is not None else None
    if deal.outcome == "won":
        return f"{what}, won on {closed}; no open deal in a late stage has an amount."
    labels = wording.labels
    stage = f"{labels.stage(deal.pipeline_id, deal.stage_id)} ({labels.pipeline(deal.pipeline_id)})"
    expected = "no close date"
    if deal.close_day is not None:
        passed = deal.close_day < wording.coverage.through
        expected = f"overdue: its close date, {closed}, has passed" if passed else f"close date {closed}"
    return f"{what}, open in {name_line(stage)}, owner: {name_line(str(labels.owner(deal.owner_id)))}, {expected}."


def _deal_name(deal: NotableDeal) -> str:
    return f"“{name_line(deal.name)}”" if deal.name else "a deal without a name"


def _overdue(signals: DealSignals) -> str:
    if not signals.overdue:
        return (
            f"none of {count(signals.open, 'open deal')} is past its close date." if signals.open else "no open deals."
        )
    value = f", worth {sums(signals.overdue_value)}" if signals.overdue_value else ""
    return f"{rate(signals.overdue, signals.open, 'open deal')} {are(signals.overdue)} past the close date{value}."


def _move(found: Strategy, wording: Wording) -> str:
    ranking, leak, signals = found.ranking, found.worst_leak, found.signals
    match found.move:
        case Move.FIX_ATTRIBUTION:
            return (
                "where won deals really come from. Ask sales for the origin of the won deals under "
                f"{wording.source(OFFLINE)} and {wording.source(None)} before any budget is moved."
            )
        case Move.CLEAN_PIPELINE:
            return (
                f"the pipeline. Go through the {count(signals.overdue, 'overdue deal')} with sales, since any forecast "
                "rests on their close dates."
            )
        case Move.CLOSE_LEAK if leak is not None:
            return f"how leads from one source are qualified and followed up: {_leaked(leak, wording)}."
        case Move.ANSWER_THEME:
            names = theme_names(found.top_themes)
            return f"what answers the losses under {names}: offer, proof, or the leads that are asked for."
        case Move.RECORD_REASONS:
            return (
                f"how losses are recorded. {count(found.lost_without_reason, 'lost deal')} "
                f"{have(found.lost_without_reason)} no reason, so that no "
                "theme can be trusted yet."
            )
        case Move.GROW_SOURCE if ranking is not None and ranking.strongest is not None:
            return f"whether {wording.source(ranking.strongest.source)}, the strongest source, can carry more budget."
        case _:
            return "none yet. The figures call for more closed deals and recorded sources before a move."


def _changes(found: Strategy, previous: Strategy, wording: Wording) -> list[str]:
    return [
        *changed_text("strongest source", _strongest(previous, wording), _strongest(found, wording)),
        *changed_text("top country", _top_country(previous), _top_country(found)),
        *changed_text("top loss theme", _top_themes(previous), _top_themes(found)),
        *changed_text("notable deal", _notable_name(previous), _notable_name(found)),
        *changed("open deals", previous.signals.open, found.signals.open),
        *changed("overdue deals", previous.signals.overdue, found.signals.overdue),
    ]


def _strongest(found: Strategy, wording: Wording) -> str | None:
    if found.ranking is None or found.ranking.strongest is None:
        return None
    return wording.source(found.ranking.strongest.source)


def _top_country(found: Strategy) -> str | None:
    return country_name(found.top_country.code) if found.top_country is not None else None


def _top_themes(found: Strategy) -> str | None:
    return theme_names(found.top_themes) or None


def _notable_name(found: Strategy) -> str | None:
    return _deal_name(found.signals.notable) if found.signals.notable is not None else None
