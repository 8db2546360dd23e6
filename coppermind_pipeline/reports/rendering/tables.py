"""The tables of a report, as markdown, HTML and CSV all show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from coppermind_pipeline.reports.figures.groups import Group
from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures, RangeFigures
from coppermind_pipeline.reports.figures.worth import amount_in_words, sums
from coppermind_pipeline.reports.models import CrmReport, DealRow, Summary
from coppermind_pipeline.wording import number, report_percent

NOTHING = "\N{EN DASH}"

_GROUP_HEADINGS = ("Won", "Won worth", "Lost", "Win rate", "Average won", "Days to close", "Open", "Open worth")

_MEASURES = (
    ("Closed won", "closed_won"),
    ("Closed lost", "closed_lost"),
    ("Open", "open"),
    ("Overdue", "overdue"),
    ("Pipeline created", "pipeline_created"),
)

TableName = Literal["figures", "rates", "earlier-figures", "earlier-rates", "groups", "top-deals", "deals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading; numbers stand at its right edge, days on one line."""

    heading: str
    numeric: bool = False
    days: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell's text, and where it leads."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; each row has a cell for each column. The name tells it from the report's others."""

    name: TableName
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def tables(report: CrmReport) -> list[Table]:
    """Return the tables that have rows: figures, rates, the earlier range, groups, top deals, deals."""
    found = [
        _sums("figures", "Figures", report.summary),
        _rates("rates", "Rates", report.summary),
        *([_sums("earlier-figures", "Earlier range", earlier),
           _rates("earlier-rates", "Rates of the earlier range", earlier)]
          if (earlier := report.summary.compared_with) is not None else []),
        _groups(report),
        _top_deals(report.summary),
        _deals(report),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def groups_title(report: CrmReport) -> str:
    """Return "By source"; without groups of its own, a report has its portals."""
    return "By portal" if report.audit.group_by is None else f"By {report.audit.group_by}"


def _sums(name: TableName, title: str, figures: Figures | RangeFigures) -> Table:
    sums = [(measure, getattr(figures, field)) for measure, field in _MEASURES if hasattr(figures, field)]
    return Table(
        name=name,
        title=title,
        columns=[Column(heading=""), Column(heading="Deals", numeric=True), Column(heading="Worth", numeric=True),
                 Column(heading="In company currency", numeric=True), Column(heading="Without amount", numeric=True)],
        rows=[_texts(measure, number(deals.deals), _worth(deals.amounts), _home(deals), number(deals.without_amount))
              for measure, deals in sums],
    )  # fmt: skip


def _rates(name: TableName, title: str, figures: Figures | RangeFigures) -> Table:
    days = figures.median_days_to_close
    rows = [
        ("Win rate", NOTHING if figures.win_rate is None else report_percent(Decimal(figures.win_rate))),
        ("Average won deal", _worth(figures.average_deal)),
        ("Median days to close", NOTHING if days is None else number(days)),
    ]
    if isinstance(figures, Figures):
        rows.append(("Weighted pipeline", _worth(figures.weighted_pipeline)))
    return Table(
        name=name,
        title=title,
        columns=[Column(heading=""), Column(heading="Value")],
        rows=[_texts(*row) for row in rows],
    )


def _groups(report: CrmReport) -> Table:
    by_portal = report.audit.group_by is None
    several = len(report.trust.portal_ids) > 1 and not by_portal
    columns = [
        *([Column(heading="Portal")] if several else []),
        Column(heading="Portal" if by_portal else str(report.audit.group_by).capitalize()),
        *(Column(heading=heading, numeric=True) for heading in _GROUP_HEADINGS),
    ]  # fmt: skip
    return Table(
        name="groups",
        title=groups_title(report),
        columns=columns,
        rows=[[*(_texts(str(group.portal_id)) if several else []), *_group_row(group)] for group in report.groups],
    )


def _group_row(group: Group) -> list[Cell]:
    days = group.median_days_to_close
    return _texts(
        group.label,
        number(group.closed_won.deals),
        _worth(group.closed_won.amounts),
        number(group.closed_lost.deals),
        NOTHING if group.win_rate is None else report_percent(Decimal(group.win_rate)),
        _worth(group.average_deal),
        NOTHING if days is None else number(days),
        number(group.open.deals),
        _worth(group.open.amounts),
    )


def _top_deals(summary: Summary) -> Table:
    return Table(
        name="top-deals",
        title="Largest won deals",
        columns=[Column(heading="Deal"), Column(heading="Date", days=True), Column(heading="Amount", numeric=True)],
        rows=[
            [Cell(text=deal.name or "Unnamed deal", link=deal.link),
             *_texts(str(deal.report_date or NOTHING), _money(deal.amount, deal.currency))]
            for deal in summary.top_deals
        ],
    )  # fmt: skip


def _deals(report: CrmReport) -> Table:
    headings = ("Deal", "Outcome", "Stage", "Pipeline", "Owner", "Source", "Company", "Country")  # fmt: skip
    return Table(
        name="deals",
        title="Deals",
        columns=[*(Column(heading=heading) for heading in headings), Column(heading="Close date", days=True),
                 Column(heading="Report date", days=True), Column(heading="Amount", numeric=True)],
        rows=[_deal_row(row) for row in report.deals.rows] if report.deals is not None else [],
    )  # fmt: skip


def _deal_row(row: DealRow) -> list[Cell]:
    return [
        Cell(text=row.name or "Unnamed deal", link=row.link),
        *_texts(row.outcome, row.stage, row.pipeline, row.owner, row.source, row.company or NOTHING, row.country,
                str(row.close_date or NOTHING), str(row.report_date or NOTHING), _money(row.amount, row.currency)),
    ]  # fmt: skip


def _texts(*texts: str) -> list[Cell]:
    return [Cell(text=text) for text in texts]


def _worth(amounts: Sequence[Amount]) -> str:
    return sums(amounts, nothing=NOTHING)


def _home(deals: DealSum) -> str:
    return NOTHING if deals.amount_home is None else amount_in_words(deals.amount_home)


def _money(amount: str | None, currency: str | None) -> str:
    return NOTHING if amount is None else amount_in_words(Amount(currency=currency, amount=amount))
