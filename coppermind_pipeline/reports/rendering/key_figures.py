"""The figures at the top of a report's page: what somebody in a hurry takes away."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from coppermind_pipeline.reports.figures.measures import Amount, DealSum
from coppermind_pipeline.reports.figures.worth import amount_in_words, sums
from coppermind_pipeline.reports.models import CrmReport
from coppermind_pipeline.reports.rendering.changes import change_of_amounts, change_of_number, change_of_rate
from coppermind_pipeline.reports.rendering.tables import NOTHING, Line
from coppermind_pipeline.wording import count, number, report_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """A figure under its name, in whole units of each currency, and what it consists of."""

    name: str
    lines: Sequence[Line]
    beside: str = ""


def key_figures(report: CrmReport) -> list[KeyFigure]:
    """Return what was won, the win rate, the average won deal and what is open; none of deals that are left out."""
    summary, earlier = report.summary, report.summary.compared_with
    won, lost, still_open = summary.closed_won, summary.closed_lost, summary.open
    deals_changed = "" if earlier is None else f" ({change_of_number(won.deals, earlier.closed_won.deals)})"
    rate_changed = "" if earlier is None else change_of_rate(summary.win_rate, earlier.win_rate)
    days = summary.median_days_to_close
    weighted = sums(summary.weighted_pipeline, nothing="", whole=True)
    open_beside = f"{count(still_open.deals, 'deal')}{_without(still_open)}"
    figures = {
        "closed_won": KeyFigure(
            name="Closed won",
            lines=_lines(_shown(won), None if earlier is None else _shown(earlier.closed_won)),
            beside=f"{count(won.deals, 'deal')}{deals_changed}{_without(won)}",
        ),
        "win_rate": KeyFigure(
            name="Win rate",
            lines=[Line(text=NOTHING if summary.win_rate is None else report_percent(Decimal(summary.win_rate)),
                        change=rate_changed)],
            beside=f"{number(won.deals)} won, {number(lost.deals)} lost",
        ),
        "average_deal": KeyFigure(
            name="Average won deal",
            lines=_lines(summary.average_deal, None),
            beside="" if days is None else f"median of {number(days)} days to close",
        ),
        "open": KeyFigure(
            name="Open now" if report.period.as_of is None else "Open then",
            lines=_lines(_shown(still_open), None),
            beside=f"{open_beside}; {weighted} weighted" if weighted else open_beside,
        ),
    }  # fmt: skip
    return [figure for name, figure in figures.items() if name not in report.audit.withheld]


def _shown(deals: DealSum) -> list[Amount]:
    """Return the one sum in the company currency where there is one, else those of each currency."""
    return deals.amounts if deals.amount_home is None else [deals.amount_home]


def _lines(amounts: Sequence[Amount], before: Sequence[Amount] | None) -> list[Line]:
    changes = {} if before is None else change_of_amounts(amounts, before, whole=True)
    comparable = before is not None and {each.currency for each in before} <= {each.currency for each in amounts}
    return [
        Line(text=amount_in_words(amount, whole=True), change=changes[amount.currency] if comparable else "")
        for amount in amounts
    ] or [Line(text=NOTHING)]


def _without(deals: DealSum) -> str:
    return f", {number(deals.without_amount)} without amount" if deals.without_amount else ""
