"""The headline of the changes: up to five sentences that can be quoted on their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.reports.changes.models import Bridge, BridgeStep
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.wording import clock, clock_with_zone, count, day, listed, money, uncapitalized

_BRIDGES_TOLD = 2
_STEPS_TOLD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSetting:
    """What each sentence names beside its figure: range, zone and the time of the sync."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    synced_at: datetime | None
    period_end: date | None

    def of_range(self) -> str:
        """Return "as read from 31 October 2026, 18:00 to 30 November 2026, 07:00 (America/New_York); synced …"."""
        synced = f"synced {clock(self.synced_at, self.zone)}" if self.synced_at is not None else "sync not complete yet"
        return f"as read from {clock(self.start, self.zone)} to {clock_with_zone(self.end, self.zone)}; {synced}"


def changes_headline(bridges: Sequence[Bridge], setting: ChangesSetting, *, pushed_out: DealSum | None) -> list[str]:
    """Return the sentences, each with its figure, range, zone and time of sync."""
    return list(_sentences(bridges, setting, pushed_out))


def _sentences(bridges: Sequence[Bridge], setting: ChangesSetting, pushed_out: DealSum | None) -> Iterable[str]:
    of_range = setting.of_range()
    if not bridges:
        yield f"No deal was open, came or went ({of_range})."
    for bridge in bridges[:_BRIDGES_TOLD]:
        before, now = (
            f"{_worth(side.amount, bridge.currency)} in {count(side.deals, 'deal')}"
            for side in (bridge.opening, bridge.closing)
        )
        moved = f"went from {before} to {now}" if bridge.steps else f"stayed at {now}"
        yield f"The open pipeline {moved} ({of_range})."
        largest = sorted(bridge.steps, key=lambda step: -abs(Decimal(step.amount or 0)))[:_STEPS_TOLD]
        if largest:
            told = listed([_told(step, bridge.currency) for step in largest])
            yield f"What moved it most: {told} ({of_range})."
    if pushed_out is not None and pushed_out.deals and setting.period_end is not None:
        worth = listed([money(Decimal(each.amount), each.currency) for each in pushed_out.amounts]) or "no amount"
        yield (
            f"{count(pushed_out.deals, 'open deal')} worth {worth} moved to a close date on or after "
            f"{day(setting.period_end)} ({of_range})."
        )


def signed_money(step: BridgeStep, currency: str | None) -> str:
    """Return by how much a step makes the open pipeline more or less; a credit that is won makes it more."""
    sign = "\N{MINUS SIGN}" if (step.effect == "-") != (step.amount or "").startswith("-") else "+"
    return f"{sign}{money(abs(Decimal(step.amount or 0)), currency)}"


def _told(step: BridgeStep, currency: str | None) -> str:
    return f"{uncapitalized(step.label)} {signed_money(step, currency)} ({count(step.deals, 'deal')})"


def _worth(amount: str | None, currency: str | None) -> str:
    return "an unknown worth" if amount is None else money(Decimal(amount), currency)
