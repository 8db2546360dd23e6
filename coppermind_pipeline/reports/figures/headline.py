"""The headline: up to five sentences that can be quoted on their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.reports.figures.groups import Group
from coppermind_pipeline.reports.figures.measures import DealSum, Figures, RangeFigures
from coppermind_pipeline.reports.figures.worth import sums, without_amount, worth
from coppermind_pipeline.reports.question.request import OUTCOMES, DateBasis, GroupBy
from coppermind_pipeline.wording import capitalized, clock, count, day_range, number, report_percent, some_named

SENTENCES_MAX = 5
# A share of less than this many deals is an anecdote.
_WON_DEALS_MIN_TO_RANK = 5
# How many groups that are level are called by their names.
LEVEL_NAMED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What each sentence names beside its figure: basis, range, zone and the time of the sync."""

    date_basis: DateBasis
    first_day: date
    last_day: date
    zone: ZoneInfo
    synced_at: datetime | None
    as_of: datetime | None
    outcomes: Sequence[Outcome] = OUTCOMES
    unfinished: bool = False
    compared_days: tuple[date, date] | None = None

    def of_range(self) -> str:
        """Return "by close date, 1 October 2026 to 31 December 2026 so far, America/New_York; synced …"."""
        return self._between(self.first_day, self.last_day, " so far" if self.unfinished else "")

    def of_earlier_range(self, days: tuple[date, date]) -> str:
        """Return the same for the range that this one is compared with."""
        return self._between(*days)

    def of_today(self) -> str:
        """Return the same for what knows no range."""
        at = clock(self.as_of, self.zone) if self.as_of is not None else "now"
        return f"as of {at}, whatever the range, {self.zone.key}; {self._synced()}"

    def _between(self, first: date, last: date, so_far: str = "") -> str:
        return f"by {self.date_basis.label}, {day_range(first, last)}{so_far}, {self.zone.key}; {self._synced()}"

    def _synced(self) -> str:
        return f"synced {clock(self.synced_at, self.zone)}" if self.synced_at is not None else "sync not complete yet"


def headline(
    summary: Figures,
    *,
    setting: Setting,
    compared_with: RangeFigures | None = None,
    groups: Sequence[Group] = (),
    group_by: GroupBy | None = None,
) -> list[str]:
    """Return the sentences, each with its figure, basis, range, zone and time of sync."""
    return list(islice(_sentences(summary, setting, compared_with, groups, group_by), SENTENCES_MAX))


def _sentences(
    summary: Figures,
    setting: Setting,
    compared_with: RangeFigures | None,
    groups: Sequence[Group],
    group_by: GroupBy | None,
) -> Iterable[str]:
    won, lost = summary.closed_won, summary.closed_lost
    closed = _closed(summary, setting)
    if closed is not None:
        yield f"{capitalized(closed)} ({setting.of_range()})."
    if summary.win_rate is not None:
        yield (
            f"Win rate {report_percent(Decimal(summary.win_rate))}: "
            f"{number(won.deals)} won and {number(lost.deals)} lost of "
            f"{count(won.deals + lost.deals, 'closed deal')} ({setting.of_range()})."
        )
    earlier = None if compared_with is None else _closed(compared_with, setting)
    if earlier is not None and setting.compared_days is not None:
        yield f"Before that: {earlier} ({setting.of_earlier_range(setting.compared_days)})."
    leading = _leading(groups, group_by)
    if len(leading) > 1:
        yield (
            f"Most won revenue by {group_by}: "
            f"{some_named([group.label for group in leading], most=LEVEL_NAMED_MAX)} are level ({setting.of_range()})."
        )
    elif leading:
        won = leading[0].closed_won
        yield (
            f"Most won revenue by {group_by}: {leading[0].label}, {count(won.deals, 'deal')} worth "
            f"{worth(won, whole=True)}{without_amount(won)} "
            f"({setting.of_range()})."
        )
    if summary.open.deals:
        weighted = sums(summary.weighted_pipeline, nothing="", whole=True)
        yield (
            f"{count(summary.open.deals, 'open deal')} worth {worth(summary.open, whole=True)}"
            f"{without_amount(summary.open)}"
            f"{f', {weighted} weighted by probability' if weighted else ''} ({setting.of_today()})."
        )


def _closed(figures: RangeFigures | Figures, setting: Setting) -> str | None:
    """Return what was won; what was lost where lost deals count and won ones don't."""
    if "won" in setting.outcomes:
        return _deals(figures.closed_won, "won")
    return _deals(figures.closed_lost, "lost") if "lost" in setting.outcomes else None


def _deals(closed: DealSum, outcome: Outcome) -> str:
    if not closed.deals:
        return f"no deal {outcome}"
    return f"{count(closed.deals, 'deal')} {outcome}, worth {worth(closed, whole=True)}{without_amount(closed)}"


def _leading(groups: Sequence[Group], group_by: GroupBy | None) -> Sequence[Group]:
    """Return the group with the most won revenue, and those level with it.

    None where that is not fair: with several portals, currencies that can't be compared, or too few deals.
    """
    if group_by in {None, GroupBy.MONTH} or len({group.connector_id for group in groups}) != 1:
        return ()
    currencies = {amount.currency for group in groups for amount in group.closed_won.amounts}
    won = sum(group.closed_won.deals for group in groups)
    if won < _WON_DEALS_MIN_TO_RANK or (len(currencies) > 1 and any(g.closed_won.amount_home is None for g in groups)):
        return ()
    first = groups[0]
    if not first.closed_won.amounts or first.key == "other":
        return ()

    def revenue(group: Group) -> object:
        return group.closed_won.amount_home if len(currencies) > 1 else group.closed_won.amounts

    own = [group for group in groups if group.key != "other"]
    level = [group for group in own if revenue(group) == revenue(first)]
    # Where all that are shown are level, and some are not shown, these may be, too.
    return () if len(own) < len(groups) and len(level) == len(own) else level
