"""Strategy: what stands out in the other four aggregates and in the open deals, and what to look at next.

It computes nothing from records: each figure is one of theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN
from coppermind_pipeline.synthesis.aggregates.channel_mix import Channel, ChannelMix
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals
from coppermind_pipeline.synthesis.aggregates.geography import Country, Customers, Geography
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LEAK_KINDS, LeadLeaks, LeakKind
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes, LostDeals
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, share

RATE_DENOMINATOR_MIN = 10
OFFLINE = "OFFLINE"

_THIN_SHARE = Decimal("0.5")
_SERIOUS_SHARE = Decimal("0.25")

Basis = Literal["revenue", "revenue_home", "won_deals"]


class Move(StrEnum):
    """The next planning move to inspect; the order is that of precedence."""

    FIX_ATTRIBUTION = "fix_attribution"
    CLEAN_PIPELINE = "clean_pipeline"
    CLOSE_LEAK = "close_leak"
    ANSWER_THEME = "answer_theme"
    RECORD_REASONS = "record_reasons"
    GROW_SOURCE = "grow_source"
    COLLECT = "collect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Which source is the strongest, by closed-won revenue where that can be compared, else by won deals.

    Attributes:
        basis: `revenue` where all won deals are in one currency; `revenue_home` where each amount is known in the
            portal's company currency; else `won_deals`.
        unattributed_share: of offline sources and the unknown source, on that basis; above one half, attribution is
            too thin to rank by.
        strongest: None where attribution is too thin, or no other source has 5 won deals.
        strongest_share: of the strongest, on that basis.
    """

    basis: Basis
    unattributed_share: Decimal
    strongest: Channel | None
    strongest_share: Decimal

    @property
    def too_thin(self) -> bool:
        """Whether offline sources and the unknown source hold over half."""
        return self.unattributed_share > _THIN_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstLeak:
    """The source that loses the greatest part of its leads in one way, of those with at least 10 leads and 5 lost."""

    source: str | None
    kind: LeakKind
    leaked: int
    leads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What stands out; None (or empty) where the aggregate was skipped or nothing does.

    `customers` and `lost` are what the top country and the top themes are a part of.
    """

    ranking: Ranking | None
    worst_leak: WorstLeak | None
    top_country: Country | None
    customers: Customers | None
    unplaced_customers: int
    top_themes: tuple[LossTheme, ...]
    lost: LostDeals | None
    lost_without_reason: int
    signals: DealSignals
    move: Move


def strategy(
    *,
    channel_mix: ChannelMix | None,
    geography: Geography | None,
    lead_leaks: LeadLeaks | None,
    loss_themes: LossThemes | None,
    signals: DealSignals,
) -> Strategy:
    """Return what stands out in the aggregates that were not skipped."""
    ranking = rank_sources(channel_mix) if channel_mix is not None and channel_mix.total.won.deals else None
    leak = worst_leak(lead_leaks) if lead_leaks is not None else None
    top_themes = loss_themes.top if loss_themes is not None else ()
    return Strategy(
        ranking=ranking,
        worst_leak=leak,
        top_country=next(iter(geography.countries), None) if geography is not None else None,
        customers=geography.total if geography is not None else None,
        unplaced_customers=geography.unknown.customers + geography.unrecognized.customers if geography else 0,
        top_themes=top_themes,
        lost=loss_themes.total if loss_themes is not None else None,
        lost_without_reason=loss_themes.without_reason.deals if loss_themes is not None else 0,
        signals=signals,
        move=_next_move(ranking, leak, loss_themes, signals),
    )


def rank_sources(mix: ChannelMix) -> Ranking:
    """Rank the sources of a channel mix that has won deals."""
    basis, worth = _worth(mix)
    whole = worth(mix.total)
    unattributed = sum((worth(each) for each in mix.channels if not _is_attributed(each)), Decimal(0))
    eligible = [each for each in mix.channels if _is_attributed(each) and each.won.deals >= RECORDS_MIN]
    ranking = Ranking(
        basis=basis, unattributed_share=share(unattributed, whole), strongest=None, strongest_share=Decimal(0)
    )
    if ranking.too_thin or not eligible:
        return ranking
    strongest = max(eligible, key=lambda each: (worth(each), each.won.deals, each.source or ""))
    return Ranking(
        basis=basis,
        unattributed_share=ranking.unattributed_share,
        strongest=strongest,
        strongest_share=share(worth(strongest), whole),
    )


def worst_leak(leaks: LeadLeaks) -> WorstLeak | None:
    """Return the worst leak; None where no source has enough leads for a rate."""
    candidates = [
        WorstLeak(source=source.source, kind=kind, leaked=source.of(kind), leads=source.leads)
        for source in leaks.sources
        for kind in LEAK_KINDS
        if source.leads >= RATE_DENOMINATOR_MIN and source.of(kind) >= RECORDS_MIN
    ]
    return max(candidates, key=lambda leak: (share(leak.leaked, leak.leads), leak.leaked), default=None)


def _worth(mix: ChannelMix) -> tuple[Basis, Callable[[Channel], Decimal]]:
    won = mix.total.won
    if len(won.revenue) == 1 and won.revenue[0].amount > 0:
        return "revenue", lambda channel: _single(channel.won.revenue)
    if len(won.revenue) > 1 and won.revenue_home is not None and won.revenue_home > 0:
        return "revenue_home", lambda channel: channel.won.revenue_home or Decimal(0)
    return "won_deals", lambda channel: Decimal(channel.won.deals)


def _single(totals: tuple[MoneyTotal, ...]) -> Decimal:
    return totals[0].amount if totals else Decimal(0)


def _is_attributed(channel: Channel) -> bool:
    return channel.source not in {None, OFFLINE}


def _next_move(
    ranking: Ranking | None, leak: WorstLeak | None, losses: LossThemes | None, signals: DealSignals
) -> Move:
    """Return the first move that the figures call for: what can't be trusted before what could be grown."""
    if ranking is not None and ranking.too_thin:
        return Move.FIX_ATTRIBUTION
    if signals.overdue >= RECORDS_MIN and share(signals.overdue, signals.open) >= _SERIOUS_SHARE:
        return Move.CLEAN_PIPELINE
    if leak is not None and share(leak.leaked, leak.leads) >= _SERIOUS_SHARE:
        return Move.CLOSE_LEAK
    if losses is not None and losses.top and share(losses.top[0].lost.deals, losses.total.deals) >= _SERIOUS_SHARE:
        return Move.ANSWER_THEME
    if losses is not None and share(losses.without_reason.deals, losses.total.deals) > _THIN_SHARE:
        return Move.RECORD_REASONS
    if ranking is not None and ranking.strongest is not None:
        return Move.GROW_SOURCE
    return Move.COLLECT
