"""The text of the channel mix."""

from collections.abc import Sequence

from coppermind_pipeline.synthesis.aggregates.channel_mix import Channel, ChannelMix, WonDeals
from coppermind_pipeline.synthesis.aggregates.sums import add_up
from coppermind_pipeline.synthesis.texts.wording import (
    RATE_DENOMINATOR_MIN,
    ROWS_MAX,
    WHAT_A_RANGE_IS,
    Wording,
    averages,
    changed,
    changed_money,
    closing,
    compared,
    document,
    opening,
    rate,
    rate_and_range,
    sums,
    why_none_stands_out,
)
from coppermind_pipeline.wording import agreeing, bullets, count, number


def channel_mix_text(mix: ChannelMix, previous: ChannelMix | None, wording: Wording) -> str:
    """Return the text of the channel mix, most won deals first, the unknown source always."""
    return document(
        opening("Channel mix", wording.coverage),
        _totals(mix.total),
        "By source, most won deals first:\n" + bullets(_rows(mix, wording)),
        _standing_out(mix, wording),
        _business(mix),
        _steps(mix),
        closing(_changes(mix, previous, wording) if previous is not None else None, wording.coverage),
    )


def _totals(total: Channel) -> str:
    outcomes = f"{number(total.won.deals)} won, {number(total.lost)} lost, {number(total.open)} open"
    sentences = [f"{count(total.contacts, 'contact')} and {count(total.deals, 'deal')}: {outcomes}."]
    if total.won.deals + total.lost:
        sentences.append(f"Win rate: {_win_rate(total)}.")
    if total.won.deals:
        sentences.append(f"Closed-won revenue: {sums(total.won.revenue)}{_without_amount(total.won)}.")
    if total.closed_before_created:
        left_out = count(total.closed_before_created, "won deal")
        sentences.append(f"Days to close leave out {left_out} with a close date before the creation.")
    return " ".join(sentences)


def _rows(mix: ChannelMix, wording: Wording) -> list[str]:
    known = [channel for channel in mix.channels if channel.source is not None]
    unknown = next((channel for channel in mix.channels if channel.source is None), None)
    rows = [_row(wording.source(channel.source), channel, split=mix.says_business) for channel in known[:ROWS_MAX]]
    if rest := known[ROWS_MAX:]:
        rows.append(_rest(rest))
    label = wording.source(None)
    rows.append(f"{label}: none" if unknown is None else _row(label, unknown, split=mix.says_business))
    return rows


def _row(label: str, channel: Channel, *, split: bool) -> str:
    won = channel.won
    contacts = count(channel.contacts, "contact")
    if not channel.deals:
        return f"{label}: {contacts}, no deals"
    outcomes = f"{number(won.deals)} won, {number(channel.lost)} lost, {number(channel.open)} open"
    parts = [contacts, f"{count(channel.deals, 'deal')} ({outcomes})"]
    if won.deals + channel.lost:
        parts.append(f"win rate {_win_rate(channel, with_range=True)}")
    if won.deals:
        parts.append(f"closed-won revenue {sums(won.revenue)}{_without_amount(won)}")
    if won.revenue:
        parts.append(f"average deal {averages(won.revenue)}")
    if split and won.deals:
        parts.append(f"new business {_brief(channel.new)}, existing business {_brief(channel.existing)}")
    if channel.median_days_to_close is not None:
        parts.append(f"{channel.median_days_to_close.normalize():f} days to close (median)")
    return f"{label}: {'; '.join(parts)}"


def _rest(channels: Sequence[Channel]) -> str:
    contacts = sum(channel.contacts for channel in channels)
    deals = sum(channel.deals for channel in channels)
    outcomes = (
        f"{number(sum(channel.won.deals for channel in channels))} won, "
        f"{number(sum(channel.lost for channel in channels))} lost, "
        f"{number(sum(channel.open for channel in channels))} open"
    )
    revenue = add_up(total for channel in channels for total in channel.won.revenue)
    return (
        f"{count(len(channels), 'other source')}: {count(contacts, 'contact')}; {count(deals, 'deal')} ({outcomes}); "
        f"closed-won revenue {sums(revenue, nothing='none')}"
    )


def _standing_out(mix: ChannelMix, wording: Wording) -> str:
    """Return which win rates differ from the others' by more than chance would bring."""
    found = mix.win_rates
    if not mix.total.won.deals + mix.total.lost:
        return ""
    sentences = []
    if not found.standing_out:
        sentences = [
            "No source's win rate stands out.",
            why_none_stands_out(found, "closed deals", told_in="channel mix"),
        ]
    for each in found.standing_out:
        own, rest = compared(each)
        direction = "above" if each.is_higher else "below"
        sentences.append(f"{wording.source(each.source)} stands out {direction} the rest: {own} of its closed deals "
                         f"were won, {rest} of those of all other sources.")  # fmt: skip
    if any(each.won.deals + each.lost >= RATE_DENOMINATOR_MIN for each in mix.channels):
        sentences.append(WHAT_A_RANGE_IS)
    return " ".join(sentences)


def _business(mix: ChannelMix) -> str:
    if not mix.says_business:
        return ""
    total = mix.total
    silent = total.won.deals - total.new.deals - total.existing.deals
    not_said = f" {count(silent, 'won deal')} {agreeing(silent, 'does', 'do')} not say which." if silent else ""
    return (
        f"New business: {_brief(total.new, noun='won deal')}. "
        f"Existing business: {_brief(total.existing, noun='won deal')}.{not_said}"
    )


def _steps(mix: ChannelMix) -> str:
    total = mix.total.deals
    if not total:
        return ""
    steps = mix.steps
    return (
        f"Where deals got their source from: their own source {rate(steps.deal, total, 'deal')}; a linked contact "
        f"{rate(steps.contact, total, 'deal')}; the primary company {rate(steps.company, total, 'deal')}; "
        f"nowhere {rate(steps.unknown, total, 'deal')}."
    )


def _changes(mix: ChannelMix, previous: ChannelMix, wording: Wording) -> list[str]:
    now, before = mix.total, previous.total
    won_before = {channel.source: channel.won.deals for channel in previous.channels}
    return [
        *changed("contacts", before.contacts, now.contacts),
        *changed("deals", before.deals, now.deals),
        *changed("won deals", before.won.deals, now.won.deals),
        *changed("lost deals", before.lost, now.lost),
        *changed("open deals", before.open, now.open),
        *changed_money("closed-won revenue", before.won.revenue, now.won.revenue),
        *(
            change
            for channel in mix.channels[:ROWS_MAX]
            for change in changed(
                f"won deals from {wording.source(channel.source)}",
                won_before.get(channel.source, 0),
                channel.won.deals,
            )
        ),
    ]


def _win_rate(channel: Channel, *, with_range: bool = False) -> str:
    won, closed = channel.won.deals, channel.won.deals + channel.lost
    if with_range and closed >= RATE_DENOMINATOR_MIN:
        return f"{number(won)} of {count(closed, 'closed deal')} ({rate_and_range(won, closed)})"
    return rate(won, closed, "closed deal")


def _brief(won: WonDeals, *, noun: str | None = None) -> str:
    deals = number(won.deals) if noun is None else count(won.deals, noun)
    return f"{deals}, {sums(won.revenue)}{_without_amount(won)}" if won.deals else "none"


def _without_amount(won: WonDeals) -> str:
    if not won.without_amount or not won.revenue:
        return ""
    return f" ({count(won.without_amount, 'won deal')} without an amount)"
