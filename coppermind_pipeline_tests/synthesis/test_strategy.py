"""What stands out, decided by rules on figures that are given."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import loss_theme
from coppermind_pipeline.synthesis.aggregates.channel_mix import AttributionSteps, Channel, ChannelMix, WonDeals
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LeadLeaks, Leaks
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme, LossThemes, LostDeals
from coppermind_pipeline.synthesis.aggregates.strategy import Move, rank_sources, strategy, worst_leak
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

QUIET = DealSignals(open=10, overdue=0, overdue_value=(), notable=None)


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


def test_the_strongest_source_brought_most_revenue_with_at_least_five_won_deals():
    ranking = rank_sources(
        mix(paid_search=won(5, 500), referrals=won(4, 900), organic_search=won(9, 400), offline=won(5, 500))
    )
    assert ranking.strongest is not None
    assert ranking.strongest.source == "PAID_SEARCH"
    assert ranking.strongest_share == Decimal("0.21739130")


@pytest.mark.parametrize(("offline", "unknown", "too_thin"), [(500, 500, False), (500, 501, True), (1001, 0, True)])
def test_offline_and_unknown_over_half_of_the_revenue_leave_attribution_too_thin(offline, unknown, too_thin):
    ranking = rank_sources(mix(paid_search=won(8, 1000), offline=won(5, offline), unknown=won(5, unknown)))
    assert ranking.too_thin is too_thin
    assert (ranking.strongest is None) is too_thin


def test_neither_offline_nor_unknown_is_ever_the_strongest():
    ranking = rank_sources(mix(offline=won(20, 400), unknown=won(20, 400), paid_search=won(4, 1000)))
    assert not ranking.too_thin
    assert ranking.strongest is None


def test_revenue_in_several_currencies_is_compared_in_the_portals_own():
    ranking = rank_sources(mix(paid_search=won(5, 9000, "JPY", home=60), referrals=won(5, 100, "USD")))
    assert ranking.basis == "revenue_home"
    assert ranking.strongest is not None
    assert ranking.strongest.source == "REFERRALS"


def test_without_a_common_currency_won_deals_are_compared():
    foreign = WonDeals(deals=6, revenue=won(6, 9000, "JPY").revenue, revenue_home=None)
    sources = mix(paid_search=foreign, referrals=won(7, 100))
    total = WonDeals(deals=13, revenue=sources.total.won.revenue, revenue_home=None)
    ranking = rank_sources(ChannelMix(total=channel(None, total), channels=sources.channels, steps=sources.steps))
    assert ranking.basis == "won_deals"
    assert ranking.strongest is not None
    assert ranking.strongest.source == "REFERRALS"


def leak(source: str | None, leads: int, disqualified: int = 0, postponed: int = 0, stuck: int = 0) -> Leaks:
    return Leaks(source=source, leads=leads, disqualified=disqualified, postponed=postponed, stuck=stuck)


def leaks(*sources: Leaks) -> LeadLeaks:
    return LeadLeaks(total=leak(None, 0), sources=sources, reason_property=None, reasons=())


def test_the_worst_leak_is_the_highest_rate_of_sources_with_ten_leads_and_five_lost():
    worst = worst_leak(leaks(leak("A", 9, 9), leak("B", 100, 30), leak("C", 20, 2, 8), leak("D", 10, 4, 4)))
    assert worst is not None
    assert (worst.source, worst.kind, worst.leaked, worst.leads) == ("C", "postponed", 8, 20)
    assert worst_leak(leaks(leak("A", 9, 9), leak("D", 10, 4, 4))) is None


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
        (Move.CLOSE_LEAK, {"lead_leaks": leaks(leak("A", 20, 5))}),
        (Move.ANSWER_THEME, {"loss_themes": lost(("Price", 5), without_reason=15)}),
        (Move.RECORD_REASONS, {"loss_themes": lost(("Price", 4), without_reason=5)}),
        (Move.GROW_SOURCE, {"channel_mix": mix(paid_search=won(5, 10))}),
        (Move.COLLECT, {}),
    ],
)
def test_the_next_move_is_the_first_that_the_figures_call_for(move, given):
    nothing = {"channel_mix": None, "geography": None, "lead_leaks": None, "loss_themes": None, "signals": QUIET}
    assert strategy(**(nothing | given)).move is move
