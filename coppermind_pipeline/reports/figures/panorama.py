"""What a report's page shows beside the groups that were asked for: revenue over time, sources, stages, countries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import Labels, start_of
from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.groups import GroupCells, arrange
from coppermind_pipeline.reports.figures.measures import CLOSED, Cell, Days, Figures, Measure, figures_of
from coppermind_pipeline.reports.figures.selection import DealSelection
from coppermind_pipeline.reports.question.request import GroupBy

MONTHS_MIN = 12
MONTHS_MAX = 36
PARTS_MAX = 10


class MonthFigures(BaseModel):
    """A month, and the same one a year before; `figures` is None while the month lies ahead."""

    model_config = ConfigDict(frozen=True)

    first_day: date
    figures: Figures | None
    year_before: Figures


class Part(BaseModel):
    """One source, stage or country; days to close and single deals are not asked for."""

    model_config = ConfigDict(frozen=True)

    label: str
    figures: Figures


class Panorama(BaseModel):
    """Months up to the one that the range ends in: those of the range, but twelve at least.

    Sources and countries are the largest by what was won in the range, stages those that open deals are in, in their
    pipelines' order; what is left of each is one part. `unfinished` is the month that is under way.
    """

    model_config = ConfigDict(frozen=True)

    months: list[MonthFigures]
    unfinished: date | None
    sources: list[Part]
    stages: list[Part]
    countries: list[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """The range's first and last day, the day that it is looked at from, and whose deals they are."""

    first_day: date
    last_day: date
    today: date
    zone: ZoneInfo
    portals: Sequence[Portal]
    labels: Mapping[str, Labels]


def panorama(connection: Connection, selection: DealSelection, viewpoint: Viewpoint) -> Panorama:
    """Return the figures of the page's charts, by one statement for each grouping."""

    def parts(group_by: GroupBy, *measures: Measure) -> Sequence[GroupCells]:
        return arrange(
            deals.cells(connection, replace(selection, group_by=group_by), measures),
            portals=viewpoint.portals,
            labels=viewpoint.labels,
            group_by=group_by,
            groups_max=PARTS_MAX,
        ).groups

    month_under_way = viewpoint.today.replace(day=1)
    months = _months(connection, selection, viewpoint)
    return Panorama(
        months=months,
        unfinished=month_under_way if any(month.first_day == month_under_way for month in months) else None,
        sources=_named(parts(GroupBy.SOURCE, *CLOSED), selection, viewpoint),
        stages=_named(_in_order(parts(GroupBy.STAGE, Measure.OPEN), viewpoint), selection, viewpoint),
        countries=_named(parts(GroupBy.COUNTRY, *CLOSED), selection, viewpoint),
    )


def a_year_before(month: date) -> date:
    """Return the first day of the same month in the year before."""
    return _months_later(month, -12)


def _months(connection: Connection, selection: DealSelection, viewpoint: Viewpoint) -> list[MonthFigures]:
    last = viewpoint.last_day.replace(day=1)
    in_range = _months_between(viewpoint.first_day, last) + 1
    shown = [_months_later(last, -back) for back in reversed(range(min(max(in_range, MONTHS_MIN), MONTHS_MAX)))]
    start, end = (start_of(day, viewpoint.zone) for day in (a_year_before(shown[0]), _months_later(last, 1)))
    by_month: defaultdict[str | None, list[Cell]] = defaultdict(list)
    for cell in deals.cells(connection, replace(selection, group_by=GroupBy.MONTH).between(start, end), CLOSED):
        by_month[cell.key].append(cell)

    def figures(month: date) -> Figures:
        return _figures(by_month.get(f"{month:%Y-%m}", ()), selection)

    return [
        MonthFigures(
            first_day=month,
            figures=figures(month) if month <= viewpoint.today or _closed(figures(month)) else None,
            year_before=figures(a_year_before(month)),
        )
        for month in shown
    ]


def _closed(figures: Figures) -> int:
    return figures.closed_won.deals + figures.closed_lost.deals


def _months_between(first: date, last: date) -> int:
    return 12 * (last.year - first.year) + last.month - first.month


def _months_later(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def _in_order(stages: Iterable[GroupCells], viewpoint: Viewpoint) -> list[GroupCells]:
    """Put stages into the order in which deals go through them; what is left of many comes last."""
    portals = [portal.connector_id for portal in viewpoint.portals]

    def place(group: GroupCells) -> tuple[int, bool, str, int]:
        pipeline, _, stage = group.key.partition("/")
        labels = viewpoint.labels[group.portal.connector_id]
        known = labels.stages.get((pipeline, stage))
        order = known.display_order if known is not None else 0
        return portals.index(group.portal.connector_id), group.key == deals.OTHER, labels.pipeline(pipeline).text, order

    return sorted(stages, key=place)


def _named(groups: Iterable[GroupCells], selection: DealSelection, viewpoint: Viewpoint) -> list[Part]:
    several = len(viewpoint.portals) > 1
    return [
        Part(
            label=f"{group.label} ({group.portal.name})" if several else group.label,
            figures=_figures(group.cells, selection),
        )
        for group in groups
    ]


def _figures(cells: Iterable[Cell], selection: DealSelection) -> Figures:
    return figures_of(cells, days=Days(), top_deals=(), outcomes=selection.outcomes)
