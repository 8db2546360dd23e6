"""What stands out, decided by rules on figures that are given."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import loss_theme
from coppermind_pipeline.synthesis.aggregates.channel_mix import AttributionSteps, Channel, ChannelMix, WonDeals
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LeadLeaks, Leaks
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes, LostDeals
from coppermind_pipeline.synthesis.aggregates.rates import Comparison, Rate, compare
from coppermind_pipeline.synthesis.aggregates.strategy import (
    Move,
    Ranking,
    rank_sources,
    strategy,
    strongest_sources,
)
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

QUIET = DealSignals(open=10, overdue=0, overdue_value=(), notable=None)
OVERDUE_BY_ONE = DealSignals(open=10, overdue=1, overdue_value=(), notable=None)


def won(deals: int, amount: int, currency: str = "USD", home: int | None = None) -> WonDeals:
    revenue = (MoneyTotal(currency=currency, deals=deals, amount=Decimal(amount)),) if deals else ()
    return WonDeals(deals=deals, revenue=revenue, revenue_home=Decimal(amount) if home is None else Decimal(home))


def channel(source: str | None, deals: WonDeals) -> Channel:
    none = won(0, 0)
    return Channel(source=source, contacts=0, deals=deals.deals, won=deals, lost=0, open=0, new=none, existing=none,
                   median_days_to_close=None, closed_before_created=0)  # fmt: skip


def mix(**sources: WonDeals) -> ChannelMix:
    total = WonDeals(
        deals=sum(each.deals for each in sources.values()),
        revenue=add_up(money for each in sources.values() for money in each.revenue),
        revenue_home=sum((each.revenue_home or Decimal(0) for each in sources.values()), Decimal(0)),
    )
    channels = tuple(channel(None if name == "unknown" else name.upper(), each) for name, each in sources.items())
    return ChannelMix(total=channel(None, total), channels=channels,
                      steps=AttributionSteps(deal=0, contact=0, company=0, unknown=0))  # fmt: skip


STRONG = replace(
    mix(paid_search=won(5, 10)),
    win_rates=Comparison(
        rates=2,
        standing_out=(Rate(kind="won", source="PAID_SEARCH", part=30, whole=40, rest_part=10, rest_whole=90),),
    ),
)


def most(ranking: Ranking) -> list[str | None]:
    return [each.source for each in ranking.most]


def test_there_are_no_shares_of_revenue_beside_a_credit():
    ranking = rank_sources(mix(paid_search=won(5, 1000), referrals=won(6, 200), unknown=won(2, -400)))
    assert (ranking.basis, most(ranking), ranking.most_share) == ("won_deals", ["REFERRALS"], Decimal("0.46153846"))


def test_revenue_is_ranked_as_it_is():
    ranking = rank_sources(
        mix(paid_search=won(5, 500), referrals=won(4, 900), organic_search=won(9, 400), offline=won(5, 500))
    )
    assert most(ranking) == ["REFERRALS"]
    assert ranking.most_share == Decimal("0.39130435")


def test_sources_that_brought_as_much_are_level():
    ranking = rank_sources(mix(paid_search=won(5, 500), referrals=won(4, 500), offline=won(5, 500)))
    assert most(ranking) == ["PAID_SEARCH", "REFERRALS"]


@pytest.mark.parametrize(("offline", "unknown", "too_thin"), [(500, 500, False), (500, 501, True), (1001, 0, True)])
def test_offline_and_unknown_over_half_of_the_revenue_leave_attribution_too_thin(offline, unknown, too_thin):
    ranking = rank_sources(mix(paid_search=won(8, 1000), offline=won(5, offline), unknown=won(5, unknown)))
    assert ranking.too_thin is too_thin
    assert most(ranking) == ([] if too_thin else ["PAID_SEARCH"])


def test_neither_offline_nor_unknown_is_ever_named():
    ranking = rank_sources(mix(offline=won(20, 400), unknown=won(20, 500), paid_search=won(4, 1000)))
    assert not ranking.too_thin
    assert most(ranking) == ["PAID_SEARCH"]
    high = [Rate(kind="won", source=source, part=30, whole=40, rest_part=10, rest_whole=90)
            for source in ("OFFLINE", None, "REFERRALS")]  # fmt: skip
    named = strongest_sources(Comparison(rates=9, standing_out=tuple(high)))
    assert [each.source for each in named] == ["REFERRALS"]


def test_revenue_in_several_currencies_is_compared_in_the_portals_own():
    ranking = rank_sources(mix(paid_search=won(5, 9000, "JPY", home=60), referrals=won(5, 100, "USD")))
    assert ranking.basis == "revenue_home"
    assert most(ranking) == ["REFERRALS"]


def test_without_a_common_currency_won_deals_are_compared():
    foreign = WonDeals(deals=6, revenue=won(6, 9000, "JPY").revenue, revenue_home=None)
    sources = mix(paid_search=foreign, referrals=won(7, 100))
    total = WonDeals(deals=13, revenue=sources.total.won.revenue, revenue_home=None)
    ranking = rank_sources(ChannelMix(total=channel(None, total), channels=sources.channels, steps=sources.steps))
    assert ranking.basis == "won_deals"
    assert most(ranking) == ["REFERRALS"]


def leak(source: str | None, leads: int, disqualified: int = 0, postponed: int = 0, stuck: int = 0) -> Leaks:
    return Leaks(source=source, leads=leads, disqualified=disqualified, postponed=postponed, stuck=stuck)


def leaks(*sources: Leaks) -> LeadLeaks:
    return LeadLeaks(total=leak(None, 0), sources=sources, reason_property=None, reasons=())


def worst_leaks(found: LeadLeaks) -> tuple[Rate, ...]:
    nothing = {"channel_mix": None, "geography": None, "loss_themes": None, "signals": QUIET}
    return strategy(lead_leaks=found, **nothing).worst_leaks


def compared(found: LeadLeaks) -> LeadLeaks:
    (rates,) = compare(found.rates_to_compare())
    return replace(found, rates=rates)


def test_a_leak_is_named_where_it_stands_out_as_worse_from_ten_leads_and_five_lost_on():
    worst = worst_leaks(compared(leaks(leak("A", 9, 9), leak("B", 100, 12), leak("C", 40, 20), leak("D", 40, 0))))
    assert [(each.source, each.kind, each.part, each.whole) for each in worst] == [("C", "disqualified", 20, 40)]
    assert not worst_leaks(compared(leaks(leak("A", 9, 9), leak("B", 5000, 1), leak("C", 10, 4))))


def lost(*counts: tuple[str, int], without_reason: int = 0) -> LossThemes:
    themes = tuple(
        LossTheme(theme=loss_theme(reason), lost=LostDeals(deals=deals, value=()), example=None)
        for reason, deals in counts
    )
    return LossThemes(
        total=LostDeals(deals=sum(deals for _, deals in counts) + without_reason, value=()),
        themes=themes,
        other=LostDeals(deals=0, value=()),
        without_reason=LostDeals(deals=without_reason, value=()),
    )


@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_a_top_theme_has_at_least_five_deals_and_no_other_more(counts):
    losses = lost(*((f"Reason {number}", deals) for number, deals in enumerate(counts)))
    for top in losses.top:
        assert top.lost.deals >= 5
        assert all(other.lost.deals <= top.lost.deals for other in losses.themes)
    assert bool(losses.top) == (max(counts) >= 5)


@pytest.mark.parametrize(
    ("move", "given"),
    [
        (Move.FIX_ATTRIBUTION, {"channel_mix": mix(offline=won(9, 9), paid_search=won(5, 1))}),
        (Move.CLEAN_PIPELINE, {"signals": DealSignals(open=20, overdue=5, overdue_value=(), notable=None)}),
        (Move.CLOSE_LEAK, {"lead_leaks": compared(leaks(leak("A", 40, 20), leak("B", 100, 10)))}),
        (Move.COLLECT, {"lead_leaks": compared(leaks(leak("A", 40, 12), leak("B", 100, 25)))}),  # chance
        (Move.CLEAN_PIPELINE, {"signals": OVERDUE_BY_ONE, "channel_mix": mix(paid_search=won(5, 10))}),
        (Move.GROW_SOURCE, {"signals": OVERDUE_BY_ONE, "channel_mix": STRONG}),
        (Move.ANSWER_THEME, {"loss_themes": lost(("Price", 5), without_reason=15)}),
        (Move.RECORD_REASONS, {"loss_themes": lost(("Price", 4), without_reason=5)}),
        (Move.GROW_SOURCE, {"channel_mix": mix(paid_search=won(5, 10))}),
        (Move.COLLECT, {}),
    ],
)
def test_the_next_move_is_the_first_that_the_figures_call_for(move, given):
    nothing = {"channel_mix": None, "geography": None, "lead_leaks": None, "loss_themes": None, "signals": QUIET}
    assert strategy(**(nothing | given)).move is move
