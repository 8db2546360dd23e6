"""The headline of a lead report: up to five sentences that can be quoted on their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports.figures.headline import LEVEL_NAMED_MAX
from coppermind_pipeline.reports.leads.groups import OTHER, GroupCells
from coppermind_pipeline.reports.leads.measures import LeadFigures, LeadRangeFigures
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.wording import as_words, clock, count, day_range, listed, number, report_percent, some_named

CUSTOMER = FUNNEL_STAGES[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlineSetting:
    """What each sentence names beside its figure: range, and whether it is not over, zone and the time of the sync."""

    days: tuple[date, date]
    unfinished: bool
    compared_days: tuple[date, date] | None
    zone: ZoneInfo
    synced_at: datetime | None
    stage_labels: Mapping[str, str]

    def of_range(self, days: tuple[date, date] | None = None) -> str:
        """Return "by create date, 1 October 2026 to 31 December 2026 so far, America/New_York; synced …"."""
        return self._of("create date", days)

    def of_entries(self) -> str:
        """Return the same for entries into stages."""
        return self._of("date of entry into the stage", None)

    def _of(self, basis: str, days: tuple[date, date] | None) -> str:
        first, last = days or self.days
        so_far = " so far" if days is None and self.unfinished else ""
        synced = f"synced {clock(self.synced_at, self.zone)}" if self.synced_at is not None else "sync not complete yet"
        return f"by {basis}, {day_range(first, last)}{so_far}, {self.zone.key}; {synced}"


def lead_headline(
    figures: LeadFigures,
    setting: HeadlineSetting,
    *,
    compared_with: LeadRangeFigures | None,
    groups: Sequence[GroupCells],
    group_by: LeadGroupBy | None,
) -> list[str]:
    """Return the sentences, each with its figure, basis, range, zone and time of sync."""
    return list(_sentences(figures, setting, compared_with, groups, group_by))


def _sentences(
    figures: LeadFigures,
    setting: HeadlineSetting,
    compared_with: LeadRangeFigures | None,
    groups: Sequence[GroupCells],
    group_by: LeadGroupBy | None,
) -> Iterable[str]:
    offline = f", {number(figures.offline)} of them from offline sources" if figures.offline else ""
    yield f"{count(figures.new_contacts, 'new contact')}{offline} ({setting.of_range()})."
    if figures.new_contacts:
        yield f"{_became_customers(figures, setting)} so far ({setting.of_range()})."
    entries = [f"{number(n)} {setting.stage_labels.get(stage, stage)}" for stage, n in figures.entered.items() if n]
    if entries:
        yield f"Contacts that entered a lifecycle stage: {listed(entries)} ({setting.of_entries()})."
    if compared_with is not None and setting.compared_days is not None:
        of_earlier = setting.of_range(setting.compared_days)
        became = f"; {_became_customers(compared_with, setting)} when as old" if compared_with.new_contacts else ""
        yield f"Before that: {count(compared_with.new_contacts, 'new contact')}{became} ({of_earlier})."
    leading = _leading(groups, group_by)
    if leading:
        names = some_named([group.label for group in leading], most=LEVEL_NAMED_MAX)
        first = f"{names}, {number(leading[0].size[0])}"
        each = " each" if len(leading) > 1 else ""
        yield f"Most new contacts by {as_words(str(group_by))}: {first}{each} ({setting.of_range()})."


def _became_customers(figures: LeadRangeFigures, setting: HeadlineSetting) -> str:
    reached = figures.cohort.reached[CUSTOMER]
    share = f" ({report_percent(Decimal(reached.rate))})" if reached.rate is not None else ""
    label = setting.stage_labels.get(CUSTOMER, CUSTOMER)
    return f"{number(reached.contacts)} of {count(figures.new_contacts, 'new contact')}{share} reached {label}"


def _leading(groups: Sequence[GroupCells], group_by: LeadGroupBy | None) -> Sequence[GroupCells]:
    """Return the group with most new contacts and those level with it; none of several portals, or of months.

    Nor where all that are shown are level, and some are not shown: these may be, too.
    """
    own = [group for group in groups if group.key != OTHER]
    if group_by in {None, LeadGroupBy.MONTH} or len({group.portal.connector_id for group in own}) != 1:
        return ()
    most = max((group.size[0] for group in own), default=0)
    level = [group for group in own if group.size[0] == most]
    return level if most and not (len(own) < len(groups) and len(level) == len(own)) else ()
