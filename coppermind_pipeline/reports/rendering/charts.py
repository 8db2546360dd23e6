"""The charts of a report: what is drawn, as lengths and points. `templates/charts.html` draws it.

Bars are rows of a table, each with its figure in words; a line's figures are a table below it. So nothing depends on
seeing colours or lengths, and no text is cut or shrunk with a drawing.
"""

from coppermind_pipeline.reports.figures.measures import Figures
from coppermind_pipeline.reports.figures.panorama import Part
from coppermind_pipeline.reports.models import CrmReport, PanoramicReport
from coppermind_pipeline.reports.question.request import GroupBy
from coppermind_pipeline.reports.rendering.bar_charts import (
    BarChart,
    loss_bars,
    of_open,
    of_won,
    won_and_lost,
    worth_bars,
)
from coppermind_pipeline.reports.rendering.month_charts import LineChart, month_charts
from coppermind_pipeline.reports.rendering.tables import groups_title
from coppermind_pipeline.wording import count, number, uncapitalized

BARS_MAX = 20

# Charts of the panorama that show the same as one of the report's own groups would.
_WORTH_IN_PANORAMA = (GroupBy.SOURCE, GroupBy.COUNTRY, GroupBy.MONTH)

Chart = BarChart | LineChart


def panorama_charts(report: CrmReport) -> list[Chart]:
    """Return what every report shows: revenue and win rate by month, sources, open pipeline by stage, countries."""
    if not isinstance(report, PanoramicReport):
        return []
    seen = report.panorama
    return [
        *month_charts(report),
        *worth_bars("Closed won by source", "Source", seen.sources, of_won),
        *worth_bars("Closed won by country", "Country", seen.countries, of_won),
        *(loss_bars(report.losses) if report.losses is not None else []),
        *worth_bars("Open pipeline by stage", "Stage", seen.stages, of_open),
    ]


def group_charts(report: CrmReport) -> list[Chart]:
    """Return what the closed-won deals of each group are worth, and how many deals each won and lost.

    Groups in which nothing closed are left out; without others, there is nothing to draw.
    """
    closed = [group for group in report.groups if group.closed_won.deals or group.closed_lost.deals]
    shown = closed[:BARS_MAX]
    several = report.audit.group_by is not None and len(report.trust.portal_ids) > 1
    parts = [
        Part(label=f"{group.label} ({group.portal_id})" if several else group.label,
             figures=Figures(**{name: getattr(group, name) for name in Figures.model_fields}))
        for group in shown
    ]  # fmt: skip
    by = uncapitalized(groups_title(report))
    left_out = len(closed) - len(shown)
    note = f"The first {count(len(shown), 'group')}; the table has {number(left_out)} more." if left_out else ""
    drawn_above = isinstance(report, PanoramicReport) and report.audit.group_by in _WORTH_IN_PANORAMA
    worth = [] if drawn_above else worth_bars(f"Closed won {by}", groups_title(report)[3:], parts, of_won, note=note)
    return [*worth, *won_and_lost(f"Deals won and lost {by}", groups_title(report)[3:], parts, note)]
