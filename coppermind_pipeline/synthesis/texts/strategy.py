"""The text of the strategy."""

from collections.abc import Callable, Mapping, Sequence

from coppermind_pipeline.crm import OFFLINE, country_name
from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN, Aggregate
from coppermind_pipeline.synthesis.aggregates.channel_mix import Channel
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals, NotableDeal, OverdueDeal
from coppermind_pipeline.synthesis.aggregates.geography import Country
from coppermind_pipeline.synthesis.aggregates.rates import Rate
from coppermind_pipeline.synthesis.aggregates.strategy import (
    Move,
    Ranking,
    Strategy,
)
from coppermind_pipeline.synthesis.texts.wording import (
    WHAT_A_RANGE_IS,
    Wording,
    beside_the_others,
    changed,
    changed_text,
    closing,
    compared,
    document,
    name_line,
    opening,
    rate,
    sums,
    theme_names,
    why_none_stands_out,
)
from coppermind_pipeline.wording import are, capitalized, count, day, have, listed, money, percent, with_the

_BASIS = {
    "revenue": "closed-won revenue",
    "revenue_home": "closed-won revenue in the portal's currency",
    "won_deals": "won deals",
}
_NAMES_MAX = 3


def strategy_text(
    found: Strategy, previous: Strategy | None, wording: Wording, *, skipped: Mapping[Aggregate, str]
) -> str:
    """Return the text of the strategy, one paragraph per subject; a skipped aggregate says why in place of its own."""
    return document(
        opening("HubSpot marketing strategy", wording.coverage),
        "Strongest source: " + (skipped.get(Aggregate.CHANNEL_MIX) or _strongest(found, wording)),
        _most(found.ranking, wording),
        "Worst lead leak: " + (skipped.get(Aggregate.LEAD_LEAKS) or _leaks(found, wording)),
        "Geography: " + (skipped.get(Aggregate.GEOGRAPHY) or _geography(found)),
        "Top loss theme: " + (skipped.get(Aggregate.LOSS_THEMES) or _losses(found)),
        "Notable deal: " + _notable(found.signals.notable, wording),
        "Overdue: " + _overdue(found.signals),
        "Next planning move to inspect: " + _move(found, wording),
        closing(_changes(found, previous, wording) if previous is not None else None, wording.coverage),
    )


def _strongest(found: Strategy, wording: Wording) -> str:
    ranking = found.ranking
    if ranking is None:
        return "no deal was won yet."
    if ranking.too_thin:
        return (
            f"attribution is too thin to rank. {wording.source(OFFLINE)} and {wording.source(None)} hold "
            f"{percent(ranking.unattributed_share)} of {_BASIS[ranking.basis]}."
        )
    if not any(each.won.deals >= RECORDS_MIN for each in ranking.attributed):
        return (
            f"none yet; no source other than {wording.source(OFFLINE)} and {wording.source(None)} has "
            f"{RECORDS_MIN} won deals."
        )
    if not found.strongest:
        why = why_none_stands_out(found.win_rates, "closed deals", told_in="channel mix")
        return f"none stands out by its win rate. {why}"
    sentences = []
    for each in found.strongest[:_NAMES_MAX]:
        own, rest = compared(each)
        sentences.append(f"{wording.source(each.source)} won {own} of its closed deals, all other sources {rest}.")
    return " ".join([*sentences, WHAT_A_RANGE_IS])


def _most(ranking: Ranking | None, wording: Wording) -> str:
    """Return which source brought most: a sum, which says nothing of how well the source does."""
    if ranking is None or not ranking.most:
        return ""
    names = _sources(ranking.most, wording)
    part = f"{percent(ranking.most_share)} of all {_BASIS[ranking.basis]}"
    first, *others = ranking.most
    if others:
        told = f"{names} are level, each with {part}"
    else:
        won = first.won
        told = f"{names}, with {count(won.deals, 'won deal')} and {sums(won.revenue)} closed-won revenue: {part}"
    if ranking.unattributed_share:
        told += (f"; {wording.source(OFFLINE)} and {wording.source(None)}, which are not ranked, hold "
                 f"{percent(ranking.unattributed_share)}")  # fmt: skip
    return f"{capitalized(_what_most(ranking))}: {told}."


def _what_most(ranking: Ranking) -> str:
    return "most won deals" if ranking.basis == "won_deals" else "most revenue"


def _sources(channels: Sequence[Channel], wording: Wording) -> str:
    names = [wording.source(each.source) for each in channels[:_NAMES_MAX]]
    if rest := len(channels) - len(names):
        names.append(count(rest, "other source"))
    return listed(names)


def _leaks(found: Strategy, wording: Wording) -> str:
    if not found.worst_leaks:
        return f"none stands out. {why_none_stands_out(found.leak_rates, 'leads', told_in='lead leaks')}"
    worst = [f"{beside_the_others(each, wording)}." for each in found.worst_leaks[:_NAMES_MAX]]
    return " ".join([*worst, WHAT_A_RANGE_IS])


def _geography(found: Strategy) -> str:
    top, total = found.top_countries, found.customers
    unplaced = (
        f" {count(found.unplaced_customers, 'customer')} without a known country." if found.unplaced_customers else ""
    )
    if not top or total is None:
        return f"no customer has a known country.{unplaced}"
    first, *others = top
    customers = rate(first.at.customers, total.customers, "customer")
    if others:
        return f"most customers are in {_countries(top, named=with_the)}, level with {customers} each.{unplaced}"
    revenue = f"{sums(first.at.revenue)} closed-won revenue"
    return f"most customers are in {_countries(top, named=with_the)}: {customers}, with {revenue}.{unplaced}"


def _countries(top: Sequence[Country], *, named: Callable[[str], str] = str) -> str | None:
    names = [named(country_name(each.code)) for each in top[:_NAMES_MAX]]
    if rest := len(top) - len(names):
        names.append(count(rest, "other country"))
    return listed(names) or None


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


def _deal_name(deal: NotableDeal | OverdueDeal) -> str:
    return f"“{name_line(deal.name)}”" if deal.name else "a deal without a name"


def _overdue(signals: DealSignals) -> str:
    if not signals.overdue:
        return (
            f"none of {count(signals.open, 'open deal')} is past its close date." if signals.open else "no open deals."
        )
    value = f", worth {sums(signals.overdue_value)}" if signals.overdue_value else ""
    largest = [f"{_deal_name(each)}, {money(each.amount, each.currency)}, due {day(each.close_day)}"
               for each in signals.largest_overdue]  # fmt: skip
    these = "These are" if len(largest) == signals.overdue else "The largest"
    named = f" {these}: {'; '.join(largest)}." if largest else ""
    overdue = rate(signals.overdue, signals.open, "open deal")
    return f"{overdue} {are(signals.overdue)} past the close date{value}.{named}"


def _move(found: Strategy, wording: Wording) -> str:
    signals = found.signals
    match found.move:
        case Move.FIX_ATTRIBUTION:
            return (
                "where won deals really come from. Ask sales for the origin of the won deals under "
                f"{wording.source(OFFLINE)} and {wording.source(None)} before any budget is moved."
            )
        case Move.CLEAN_PIPELINE:
            largest_first = ", the largest first" if len(signals.largest_overdue) > 1 else ""
            return (
                f"the pipeline. Go through the {count(signals.overdue, 'overdue deal')} with sales{largest_first}, "
                "since any forecast rests on their close dates."
            )
        case Move.CLOSE_LEAK:
            worst = found.worst_leaks[0]
            return f"how leads from one source are qualified and followed up: {beside_the_others(worst, wording)}."
        case Move.ANSWER_THEME:
            names = theme_names(found.top_themes)
            return f"what answers the losses under {names}: offer, proof, or the leads that are asked for."
        case Move.RECORD_REASONS:
            return (
                f"how losses are recorded. {count(found.lost_without_reason, 'lost deal')} "
                f"{have(found.lost_without_reason)} no reason, so that no "
                "theme can be trusted yet."
            )
        case Move.GROW_SOURCE if found.strongest:
            strongest = wording.source(found.strongest[0].source)
            return f"whether {strongest}, which wins more of its deals than the others, can carry more budget."
        case Move.GROW_SOURCE if found.ranking is not None:
            sources = _sources(found.ranking.most, wording)
            return f"whether {sources}, where {_what_most(found.ranking)} came from, can carry more budget."
        case _:
            return "none yet. The figures call for more closed deals and recorded sources before a move."


def _changes(found: Strategy, previous: Strategy, wording: Wording) -> list[str]:
    return [
        *changed_text("strongest source", _names(previous.strongest, wording), _names(found.strongest, wording)),
        *_most_changed(found.ranking, previous.ranking, wording),
        *changed_text("worst lead leak", _names(previous.worst_leaks, wording), _names(found.worst_leaks, wording)),
        *changed_text("most customers", _countries(previous.top_countries), _countries(found.top_countries)),
        *changed_text("top loss theme", _top_themes(previous), _top_themes(found)),
        *changed_text("notable deal", _notable_name(previous), _notable_name(found)),
        *changed("open deals", previous.signals.open, found.signals.open),
        *changed("overdue deals", previous.signals.overdue, found.signals.overdue),
    ]


def _names(found: Sequence[Rate], wording: Wording) -> str | None:
    return listed(list(dict.fromkeys(wording.source(each.source) for each in found[:_NAMES_MAX]))) or None


def _most_changed(found: Ranking | None, previous: Ranking | None, wording: Wording) -> list[str]:
    if found is None or previous is None or _what_most(found) != _what_most(previous):
        return []
    return changed_text(
        _what_most(found), _sources(previous.most, wording) or None, _sources(found.most, wording) or None
    )


def _top_themes(found: Strategy) -> str | None:
    return theme_names(found.top_themes) or None


def _notable_name(found: Strategy) -> str | None:
    return _deal_name(found.signals.notable) if found.signals.notable is not None else None
