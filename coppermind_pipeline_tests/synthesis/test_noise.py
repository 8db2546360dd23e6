"""No claim inside noise: what a synthesis names of rates that are all alike, and of one that is not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coppermind_pipeline.crm import Labels, PropertyDefinition
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.synthesis.aggregates.channel_mix import AttributionSteps, Channel, ChannelMix, WonDeals
from coppermind_pipeline.synthesis.aggregates.deal_signals import DealSignals
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LEAK_KINDS, LeadLeaks, Leaks
from coppermind_pipeline.synthesis.aggregates.rates import (
    FALSE_CLAIMS_MAX,
    Rate,
    compare,
    likely_range,
    rates_by_source,
)
from coppermind_pipeline.synthesis.aggregates.strategy import Strategy, strategy
from coppermind_pipeline.synthesis.texts import (
    Coverage,
    Wording,
    channel_mix_text,
    lead_leaks_text,
    strategy_text,
)

PORTALS = 1_000
SOURCES = ("PAID_SEARCH", "ORGANIC_SEARCH", "REFERRALS", "SOCIAL_MEDIA", "EMAIL_MARKETING", "DIRECT_TRAFFIC",
           "PAID_SOCIAL", "OTHER_CAMPAIGNS")  # fmt: skip
QUIET = DealSignals(open=0, overdue=0, overdue_value=(), notable=None)


def channel(source: str | None, won: int, lost: int) -> Channel:
    brought, none = (WonDeals(deals=deals, revenue=(), revenue_home=None) for deals in (won, 0))
    return Channel(source=source, contacts=0, deals=won + lost, won=brought, lost=lost, open=0, new=none, existing=none,
                   median_days_to_close=None, closed_before_created=0)  # fmt: skip


def mix(won: Sequence[int], lost: Sequence[int]) -> ChannelMix:
    channels = tuple(map(channel, SOURCES, won, lost))
    return ChannelMix(total=channel(None, sum(won), sum(lost)), channels=channels,
                      steps=AttributionSteps(deal=0, contact=0, company=0, unknown=0))  # fmt: skip


def leaks(leads: Sequence[int], leaked: Sequence[Sequence[int]]) -> LeadLeaks:
    sources = tuple(
        Leaks(source=source, leads=all_of_it, **dict(zip(LEAK_KINDS, of_it, strict=True)))
        for source, all_of_it, of_it in zip(SOURCES, leads, leaked, strict=True)
    )
    return LeadLeaks(total=sources[0], sources=sources, reason_property=None, reasons=())


def synthesized(found: ChannelMix, lost: LeadLeaks) -> tuple[ChannelMix, LeadLeaks, Strategy]:
    win_rates, leak_rates = compare(found.rates_to_compare(), lost.rates_to_compare())
    found, lost = replace(found, win_rates=win_rates), replace(lost, rates=leak_rates)
    return found, lost, strategy(channel_mix=found, geography=None, lead_leaks=lost, loss_themes=None, signals=QUIET)


def drawn(
    random: np.random.Generator, closed: np.ndarray, win: np.ndarray, leads: np.ndarray, leak: np.ndarray
) -> Iterator[tuple[list[int], list[int], list[list[int]]]]:
    """Draw portals: won and lost deals by source, and leads by source and kind of leak."""
    won = random.binomial(closed, win, (PORTALS, len(SOURCES)))
    leaked = random.multinomial(leads, leak, (PORTALS, len(SOURCES)))[:, :, :-1]
    for of_portal, of_leads in zip(won, leaked, strict=True):
        yield of_portal.tolist(), (closed - of_portal).tolist(), of_leads.tolist()


@pytest.mark.parametrize(
    ("records", "win", "leak"), [(40, 0.3, 0.2), pytest.param(600, 0.4, 0.05, marks=pytest.mark.slow)]
)
def test_of_portals_whose_sources_are_all_alike_at_most_one_in_twenty_names_a_rate(records, win, leak):
    random = np.random.default_rng(15)
    every = np.full(len(SOURCES), records)
    kinds = np.tile([leak, leak, leak, 1 - 3 * leak], (len(SOURCES), 1))
    named = {"channel_mix": 0, "lead_leaks": 0, "strategy": 0, "any": 0}
    for won, lost, leaked in drawn(random, every, np.full(len(SOURCES), win), every, kinds):
        found, lost_leads, told = synthesized(mix(won, lost), leaks(every.tolist(), leaked))
        claims = {
            "channel_mix": bool(found.win_rates.standing_out),
            "lead_leaks": bool(lost_leads.rates.standing_out),
            "strategy": bool(told.strongest or told.worst_leaks),
        }
        claims["any"] = any(claims.values())
        for text, claim in claims.items():
            named[text] += claim
    assert named["any"] <= PORTALS * FALSE_CLAIMS_MAX, named


@pytest.mark.parametrize(
    ("rate", "size"),
    [(0.15, 1), pytest.param(0.05, 0.5, marks=pytest.mark.slow), pytest.param(0.25, 2, marks=pytest.mark.slow)],
)
def test_a_source_with_sixty_events_and_twice_the_others_rate_is_named(rate, size):
    """The other sources have half, as many or twice as many records."""
    random = np.random.default_rng(15)
    own = round(60 / (2 * rate))
    others = round(own * size)
    every = np.array([own, *[others] * (len(SOURCES) - 1)])
    kinds = np.tile([rate, rate, rate, 1 - 3 * rate], (len(SOURCES), 1))
    wins = leaking = 0
    for won, lost, leaked in drawn(random, every, np.full(len(SOURCES), rate), every, kinds):
        won[0], lost[0] = 60, own - 60
        leaked[0] = [60, min(leaked[0][1], own - 60), 0]
        _, _, told = synthesized(mix(won, lost), leaks(every.tolist(), leaked))
        wins += "PAID_SEARCH" in {each.source for each in told.strongest}
        leaking += ("PAID_SEARCH", "disqualified") in {(e.source, e.kind) for e in told.worst_leaks}
    assert min(wins, leaking) >= PORTALS * 0.95, (wins, leaking)


WORDING = Wording(
    labels=Labels(
        definitions={
            ObjectType.CONTACTS: {
                "hs_analytics_source": PropertyDefinition(
                    name="hs_analytics_source", options={each: each.replace("_", " ").title() for each in SOURCES}
                )
            }
        }
    ),
    coverage=Coverage(through=date(2026, 11, 18), since=None),
)


def paragraphs(text: str) -> dict[str, str]:
    """The paragraphs of a text by what they begin with, up to the first colon or full stop."""
    return {re.split(r"[:.]", paragraph, maxsplit=1)[0]: paragraph for paragraph in text.split("\n\n")}


def test_a_rate_that_stands_out_is_told_with_its_range_and_that_of_the_others():
    found, lost, told = synthesized(
        mix([30, *[20] * 7], [20, *[80] * 7]), leaks([100] * 8, [[40, 0, 2], *[[15, 0, 2]] * 7])
    )
    assert (
        "Paid Search stands out above the rest: 60.0% (30 of 50, range 46.2% to 72.4%) of its closed deals were won, "
        "20.0% (140 of 700, range 17.2% to 23.1%) of those of all other sources. A range is where a rate would likely "
        "lie with many more records (95% Wilson interval)."
    ) in channel_mix_text(found, None, WORDING)
    leak = (
        "40.0% (40 of 100, range 30.9% to 49.8%) of Paid Search leads were disqualified, 15.0% (105 of 700, range "
        "12.5% to 17.8%) of all other leads."
    )
    assert f"Worse than elsewhere: {leak}" in lead_leaks_text(lost, None, WORDING, disqualified_statuses=())
    text = paragraphs(strategy_text(told, None, WORDING, skipped={}))
    assert text["Strongest source"].startswith(
        "Strongest source: Paid Search won 60.0% (30 of 50, range 46.2% to 72.4%) of its closed deals, all other "
        "sources 20.0% (140 of 700, range 17.2% to 23.1%)."
    )
    assert text["Worst lead leak"].startswith(f"Worst lead leak: {leak}")
    assert text["Next planning move to inspect"].endswith(leak)


def test_where_nothing_stands_out_the_texts_say_so_and_rank_sums_alone():
    found, lost, told = synthesized(
        mix([30, 30, *[20] * 6], [70, 70, *[80] * 6]), leaks([100] * 8, [[20, 0, 2], *[[15, 0, 2]] * 7])
    )
    assert "No source's win rate stands out. The differences between sources" in channel_mix_text(found, None, WORDING)
    assert "No source's leaks stand out from those of the others." in lead_leaks_text(
        lost, None, WORDING, disqualified_statuses=()
    )
    text = paragraphs(strategy_text(told, None, WORDING, skipped={}))
    assert text["Strongest source"] == (
        "Strongest source: none stands out by its win rate. The differences between sources with at least 10 closed "
        "deals are no larger than chance would bring."
    )
    assert text["Most won deals"] == (
        "Most won deals: Paid Search and Organic Search are level, each with 16.7% of all won deals."
    )
    assert text["Worst lead leak"].startswith("Worst lead leak: none stands out.")


def test_a_rate_that_stands_out_to_the_other_side_is_told_as_that():
    found, lost, told = synthesized(
        mix([2, *[20] * 7], [98, *[80] * 7]), leaks([100] * 8, [[2, 0, 2], *[[25, 0, 2]] * 7])
    )
    assert "Paid Search stands out below the rest: 2.0% (2 of 100, " in channel_mix_text(found, None, WORDING)
    assert "\n\nBetter than elsewhere: 2.0% (2 of 100, " in lead_leaks_text(
        lost, None, WORDING, disqualified_statuses=()
    )
    text = paragraphs(strategy_text(told, None, WORDING, skipped={}))
    assert text["Strongest source"] == (
        "Strongest source: none stands out by its win rate. Other differences do stand out; the channel mix text has "
        "them."
    )
    assert text["Worst lead leak"].endswith("Other differences do stand out; the lead leaks text has them.")


def p_value(rate: Rate) -> float:
    """Fisher's, two-sided, in whole numbers: twice the chance of as many, or of more or fewer, where all are alike."""
    whole, part = rate.whole + rate.rest_whole, rate.part + rate.rest_part
    ways = [comb(part, k) * comb(whole - part, rate.whole - k) for k in range(rate.whole + 1)]
    return min(1, 2 * min(sum(ways[: rate.part + 1]), sum(ways[rate.part :])) / sum(ways))


def stand_out(rates: Sequence[Rate]) -> set[tuple[str, str | None]]:
    """Holm's method as he wrote it: the smallest first, until one fails."""
    left = sorted(rates, key=p_value)
    named = set()
    while left and p_value(left[0]) <= 0.05 / len(left):
        first = left.pop(0)
        higher = first.part / first.whole > first.rest_part / first.rest_whole
        if (first.part if higher else first.whole - first.part) >= 5:
            named.add((first.kind, first.source))
    return named


counts = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda each: (min(each), max(each)))
by_source = st.dictionaries(st.sampled_from([*SOURCES, None]), counts, max_size=9)


@settings(max_examples=200)
@given(won=by_source, leaked=by_source)
def test_what_stands_out_equals_a_recount_by_the_definitions(won, leaked):
    expected = []
    for kind, of in (("won", won), ("stuck", leaked)):
        part, whole = sum(each[0] for each in of.values()), sum(each[1] for each in of.values())
        expected += [
            Rate(kind=kind, source=source, part=own, whole=of_own, rest_part=part - own, rest_whole=whole - of_own)
            for source, (own, of_own) in of.items()
            if of_own >= 10 and whole - of_own >= 10 and 0 < part < whole
        ]
    named = stand_out(expected)
    wins, leaks = compare(rates_by_source("won", won), rates_by_source("stuck", leaked))
    assert {("won", each.source) for each in wins.standing_out} | {
        ("stuck", each.source) for each in leaks.standing_out
    } == named
    assert wins.rates + leaks.rates == len(expected)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # By Wilson's formula, by hand.
    [(9, 15, "0.3575", "0.8018"), (0, 10, "0", "0.2775"), (10, 10, "0.7225", "1"), (18, 50, "0.2414", "0.4986")],
)
def test_ranges_are_those_of_wilson(part, whole, low, high):
    assert [round(each, 4) for each in likely_range(part, whole)] == [Decimal(low), Decimal(high)]


def test_a_source_is_held_against_the_others_without_itself():
    (rate, _) = rates_by_source("won", {"A": (9, 10), "B": (1, 90)})
    assert (rate.part, rate.whole, rate.rest_part, rate.rest_whole) == (9, 10, 1, 90)
