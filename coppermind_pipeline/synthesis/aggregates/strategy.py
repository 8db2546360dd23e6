"""Strategy: what stands out in the other four aggregates and in the open deals, and what to look at next.

It computes nothing from records: each figure is one of theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from coppermind_pipeline.crm import OFFLINE
from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN
from coppermind_pipeline.synthesis.aggregates.channel_mix import Channel, ChannelMix
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals
from coppermind_pipeline.synthesis.aggregates.geography import Country, Customers, Geography
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LeadLeaks
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes, LostDeals
from coppermind_pipeline.synthesis.aggregates.rates import Comparison, Rate
from coppermind_pipeline.synthesis.aggregates.sums import share

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
    """Which source brought most, by closed-won revenue where that can be compared, else by won deals.

    Attributes:
        basis: `revenue` where all won deals are in one currency; `revenue_home` where each amount is known in the
            portal's company currency; else `won_deals`.
        unattributed_share: of offline sources and the unknown source, on that basis; above one half, attribution is
            too thin to rank by.
        attributed: the other sources that have won deals.
        most: the one of them that brought most, and those level with it; empty where attribution is too thin.
        most_share: of each of them, on that basis.
    """

    basis: Basis
    unattributed_share: Decimal
    attributed: tuple[Channel, ...]
    most: tuple[Channel, ...]
    most_share: Decimal

    @property
    def too_thin(self) -> bool:
        """Whether offline sources and the unknown source hold over half."""
        return self.unattributed_share > _THIN_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What stands out; None (or empty) where the aggregate was skipped or nothing does.

    `win_rates` and `leak_rates` are those of the channel mix and the lead leaks, of which `strongest` and `worst_leaks`
    stand out on the side that is asked for; `customers` and `lost` are what the top countries and the top themes are a
    part of.
    """

    ranking: Ranking | None
    win_rates: Comparison
    strongest: tuple[Rate, ...]
    leak_rates: Comparison
    worst_leaks: tuple[Rate, ...]
    top_countries: tuple[Country, ...]
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
    win_rates = channel_mix.win_rates if channel_mix is not None else Comparison()
    strongest = strongest_sources(win_rates) if ranking is not None and not ranking.too_thin else ()
    leak_rates = lead_leaks.rates if lead_leaks is not None else Comparison()
    return Strategy(
        ranking=ranking,
        win_rates=win_rates,
        strongest=strongest,
        leak_rates=leak_rates,
        worst_leaks=leak_rates.higher,
        top_countries=geography.top if geography is not None else (),
        customers=geography.total if geography is not None else None,
        unplaced_customers=geography.unknown.customers + geography.unrecognized.customers if geography else 0,
        top_themes=loss_themes.top if loss_themes is not None else (),
        lost=loss_themes.total if loss_themes is not None else None,
        lost_without_reason=loss_themes.without_reason.deals if loss_themes is not None else 0,
        signals=signals,
        move=_next_move(ranking, strongest, leak_rates.higher, loss_themes, signals),
    )


def rank_sources(mix: ChannelMix) -> Ranking:
    """Rank the sources of a channel mix that has won deals."""
    basis, worth = _worth(mix)
    whole = worth(mix.total)
    unattributed = sum((worth(each) for each in mix.channels if not is_attributed(each.source)), Decimal(0))
    attributed = tuple(each for each in mix.channels if is_attributed(each.source) and each.won.deals)
    ranking = Ranking(basis=basis, unattributed_share=share(unattributed, whole), attributed=attributed, most=(),
                      most_share=Decimal(0))  # fmt: skip
    if ranking.too_thin or not attributed:
        return ranking
    most = max(worth(each) for each in attributed)
    level = tuple(each for each in attributed if worth(each) == most)
    return replace(ranking, most=level, most_share=share(most, whole))


def strongest_sources(win_rates: Comparison) -> tuple[Rate, ...]:
    """Return the win rates that stand out above the others; never those of offline or unknown sources."""
    return tuple(rate for rate in win_rates.higher if is_attributed(rate.source))


def is_attributed(source: str | None) -> bool:
    """Return whether the source says where a record came from."""
    return source not in {None, OFFLINE}


def _worth(mix: ChannelMix) -> tuple[Basis, Callable[[Channel], Decimal]]:
    won = mix.total.won
    if len(won.revenue) == 1 and _has_shares(mix, _own_revenue):
        return "revenue", _own_revenue
    if len(won.revenue) > 1 and won.revenue_home is not None and _has_shares(mix, _home_revenue):
        return "revenue_home", _home_revenue
    return "won_deals", lambda channel: Decimal(channel.won.deals)


def _has_shares(mix: ChannelMix, worth: Callable[[Channel], Decimal]) -> bool:
    """Say whether the channels are parts of a whole: beside a credit note larger than its source's revenue none is."""
    return worth(mix.total) > 0 and all(worth(each) >= 0 for each in mix.channels)


def _own_revenue(channel: Channel) -> Decimal:
    return channel.won.revenue[0].amount if channel.won.revenue else Decimal(0)


def _home_revenue(channel: Channel) -> Decimal:
    return channel.won.revenue_home or Decimal(0)


def _next_move(
    ranking: Ranking | None,
    strongest: Sequence[Rate],
    leaks: Sequence[Rate],
    losses: LossThemes | None,
    signals: DealSignals,
) -> Move:
    """Return the first move that the figures call for: what can't be trusted before what could be grown.

    A rate calls for one only where it stands out; where none does, what is known for certain is left: the deals that
    are overdue, and where the revenue came from.
    """
    if ranking is not None and ranking.too_thin:
        return Move.FIX_ATTRIBUTION
    if signals.overdue >= RECORDS_MIN and share(signals.overdue, signals.open) >= _SERIOUS_SHARE:
        return Move.CLEAN_PIPELINE
    if leaks and share(leaks[0].part, leaks[0].whole) >= _SERIOUS_SHARE:
        return Move.CLOSE_LEAK
    if losses is not None and losses.top and share(losses.top[0].lost.deals, losses.total.deals) >= _SERIOUS_SHARE:
        return Move.ANSWER_THEME
    if losses is not None and share(losses.without_reason.deals, losses.total.deals) > _THIN_SHARE:
        return Move.RECORD_REASONS
    if strongest:
        return Move.GROW_SOURCE
    if signals.overdue:
        return Move.CLEAN_PIPELINE
    if ranking is not None and any(each.won.deals >= RECORDS_MIN for each in ranking.most):
        return Move.GROW_SOURCE
    return Move.COLLECT
