"""The tables of a report, as markdown and HTML show them."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from decimal import Decimal

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.figures.groups import Group
from coppermind_pipeline.reports.figures.losses import Losses, LossTheme
from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures, RangeFigures, rate
from coppermind_pipeline.reports.figures.worth import amount_in_words
from coppermind_pipeline.reports.models import CrmReport, DealRow, Summary
from coppermind_pipeline.reports.rendering.changes import change_of_amounts, change_of_number, change_of_rate
from coppermind_pipeline.reports.rendering.tables.cells import NOTHING, Cell, Column, Line, Table, TableName
from coppermind_pipeline.wording import as_words, count, number, report_percent

_MEASURES = (
    ("Closed won", "closed_won"),
    ("Closed lost", "closed_lost"),
    ("Open", "open"),
    ("Overdue", "overdue"),
    ("Pipeline created", "pipeline_created"),
)

SUMMARY_TABLES: tuple[TableName, ...] = ("figures", "rates", "earlier-figures", "earlier-rates")

AnyFigures = Figures | RangeFigures


def tables(report: CrmReport) -> list[Table]:
    """Return the tables that have rows: figures, rates, the earlier range, groups, losses, top deals, deals."""
    earlier, withheld = report.summary.compared_with, report.audit.withheld
    found = [
        _sums("figures", "Figures", report.summary, earlier, withheld=withheld),
        _rates("rates", "Rates", report.summary, earlier, withheld=withheld),
        *([_sums("earlier-figures", "Earlier range", earlier, withheld=withheld, minor=True),
           _rates("earlier-rates", "Rates of the earlier range", earlier, withheld=withheld, minor=True)]
          if earlier is not None else []),
        _groups(report),
        _further_of_groups(report),
        _losses(report),
        _top_deals(report.summary),
        _deals(report),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def groups_title(report: CrmReport) -> str:
    """Return "By source"; without groups of its own, a report has its portals."""
    return "By portal" if report.audit.group_by is None else f"By {as_words(report.audit.group_by)}"


def _sums(
    name: TableName,
    title: str,
    figures: AnyFigures,
    earlier: RangeFigures | None = None,
    *,
    withheld: Container[str],
    minor: bool = False,
) -> Table:
    sums = [
        (measure, getattr(figures, field), getattr(earlier, field, None))
        for measure, field in _MEASURES
        if hasattr(figures, field) and field not in withheld
    ]
    in_company_currency = any(_adds_up(deals) for _, deals, _ in sums)
    columns = [
        Column(heading="Measure"), Column(heading="Deals", numeric=True), Column(heading="Worth", numeric=True),
        *([Column(heading="In company currency", numeric=True)] if in_company_currency else []),
        Column(heading="Without amount", numeric=True),
    ]  # fmt: skip
    rows = [
        [_text(measure), _deal_count(deals, before), _worth(deals, before),
         *([_home(deals, before)] if in_company_currency else []), _text(number(deals.without_amount))]
        for measure, deals, before in sums
    ]  # fmt: skip
    return Table(name=name, title=title, columns=columns, rows=rows, minor=minor)


def _adds_up(deals: DealSum) -> bool:
    """Say whether the sum in the company currency says more than those of the deals' own."""
    return deals.amount_home is not None and deals.amounts != [deals.amount_home]


def _rates(
    name: TableName,
    title: str,
    figures: AnyFigures,
    earlier: RangeFigures | None = None,
    *,
    withheld: Container[str],
    minor: bool = False,
) -> Table:
    rates = [
        ("win_rate", "Win rate", _rate(figures, earlier)),
        ("average_deal", "Average won deal", _average(figures, earlier)),
        ("median_days_to_close", "Median days to close", _days(figures, earlier)),
    ]
    if isinstance(figures, Figures):
        rates.append(("weighted_pipeline", "Weighted pipeline", _amounts(figures.weighted_pipeline)))
    rows = [[_text(rate), cell] for field, rate, cell in rates if field not in withheld]
    columns = [Column(heading="Rate"), Column(heading="Value", numeric=True)]
    return Table(name=name, title=title, columns=columns, rows=rows, minor=minor)


def _groups(report: CrmReport) -> Table:
    return _of_groups("groups", groups_title(report), report, _GROUP_COLUMNS)


def _further_of_groups(report: CrmReport) -> Table:
    """Return what is told of groups besides; of sums' parts, those alone that say something."""
    parts = [column for column in _PARTS_OF_SUMS
             if any(column[2](group, report.audit.withheld).text != NOTHING for group in report.groups)]  # fmt: skip
    title = f"{groups_title(report)}, further figures"
    return replace(_of_groups("further-of-groups", title, report, (*_FURTHER_GROUP_COLUMNS, *parts)), minor=True)


_GroupColumn = tuple[str, Column, Callable[[Group, Container[str]], Cell]]


def _of_groups(name: TableName, title: str, report: CrmReport, told: Sequence[_GroupColumn]) -> Table:
    by_portal = report.audit.group_by is None
    several = len(report.trust.portal_ids) > 1 and not by_portal
    withheld = report.audit.withheld
    shown = [(column, cell) for field, column, cell in told
             if field not in withheld and f"groups.{field}" not in withheld]  # fmt: skip
    columns = [
        Column(heading="Portal" if by_portal else _heading(str(report.audit.group_by))),
        *([Column(heading="Portal")] if several else []),
        *(column for column, _ in shown),
    ]
    rows = [
        [
            _text(group.label),
            *([_text(str(group.portal_id))] if several else []),
            *(cell(group, withheld) for _, cell in shown),
        ]
        for group in report.groups
    ]
    return Table(name=name, title=title, columns=columns, rows=rows if shown else [])


def _then(group: Group, measure: str) -> DealSum | None:
    return None if group.compared_with is None else getattr(group.compared_with, measure, None)


def _deals_column(measure: str, heading: str, *, minor: bool = False) -> _GroupColumn:
    return measure, Column(heading=heading, numeric=True, minor=minor), (
        lambda group, _: _deal_count(getattr(group, measure), _then(group, measure))
    )  # fmt: skip


def _worth_column(measure: str, heading: str) -> _GroupColumn:
    return measure, Column(heading=heading, numeric=True), (
        lambda group, _: _worth(getattr(group, measure), _then(group, measure))
    )  # fmt: skip


# Each with the figure that it is made of.
_GROUP_COLUMNS: Sequence[_GroupColumn] = (
    _deals_column("closed_won", "Won"),
    _worth_column("closed_won", "Won worth"),
    _deals_column("closed_lost", "Lost"),
    ("win_rate", Column(heading="Win rate", numeric=True), lambda group, _: _rate(group, group.compared_with)),
    _worth_column("open", "Open worth"),
    _deals_column("open", "Open", minor=True),
    ("average_deal", Column(heading="Average won", numeric=True, minor=True),
     lambda group, _: _average(group, group.compared_with)),
    ("median_days_to_close", Column(heading="Days to close", numeric=True, minor=True),
     lambda group, _: _days(group, group.compared_with)),
)  # fmt: skip

_FURTHER_GROUP_COLUMNS: Sequence[_GroupColumn] = (
    _worth_column("closed_lost", "Lost worth"),
    ("weighted_pipeline", Column(heading="Weighted", numeric=True), lambda group, _: _amounts(group.weighted_pipeline)),
    _deals_column("pipeline_created", "Created"),
    _worth_column("pipeline_created", "Created worth"),
    _deals_column("overdue", "Overdue"),
    _worth_column("overdue", "Overdue worth"),
)

_PARTS_OF_SUMS: Sequence[_GroupColumn] = (
    ("in_company_currency", Column(heading="In company currency"),
     lambda group, withheld: _of_sums(group, withheld, _home_in_words)),
    ("without_amount", Column(heading="Without amount"),
     lambda group, withheld: _of_sums(group, withheld, lambda deals: number(deals.without_amount)
                                      if deals.without_amount else "")),
    ("closed_before_created", Column(heading="Closed before created", numeric=True),
     lambda group, _: _text(number(group.closed_before_created) if group.closed_before_created else NOTHING)),
)  # fmt: skip


def _of_sums(group: Group, withheld: Container[str], words: Callable[[DealSum], str]) -> Cell:
    """Return what is said of each sum of a group: "closed won 2, open 1"."""
    said = [
        f"{measure.lower()} {found}"
        for measure, field in _MEASURES
        if field not in withheld and f"groups.{field}" not in withheld and (found := words(getattr(group, field)))
    ]
    return _text(", ".join(said) or NOTHING)


def _home_in_words(deals: DealSum) -> str:
    return amount_in_words(deals.amount_home) if deals.amount_home is not None and _adds_up(deals) else ""


def _losses(report: CrmReport) -> Table:
    headings = (("Theme", False), ("Lost", True), ("Share of lost", True), ("Worth", True), ("Reasons given", False))
    whole = Table(
        name="losses",
        title="Why deals were lost",
        columns=[Column(heading=heading, numeric=numeric) for heading, numeric in headings],
        rows=_loss_rows(report.losses) if report.losses is not None else [],
    )
    return whole.without("Reasons given") if report.audit.audience is Audience.CLIENT else whole


def _loss_rows(losses: Losses) -> list[list[Cell]]:
    rows = [
        [_text(theme.label), _deal_count(theme), _text(report_percent(Decimal(theme.share))), _worth(theme),
         _text(_reasons(theme))]
        for theme in losses.themes
    ]  # fmt: skip
    for label, deals in losses.beside_themes:
        share = report_percent(Decimal(rate(deals, losses.deals)))
        rows.append([_text(text) for text in (label, number(deals), share, NOTHING, NOTHING)])
    return rows


def _reasons(theme: LossTheme) -> str:
    given = [f"{each.reason} ({number(each.deals)})" for each in theme.reasons]
    more = [count(theme.more_reasons.reasons, "other reason")] if theme.more_reasons is not None else []
    return "; ".join(given + more)


def _top_deals(summary: Summary) -> Table:
    return Table(
        name="top-deals",
        title="Largest won deals",
        columns=[Column(heading="Deal"), Column(heading="Date", days=True), Column(heading="Amount", numeric=True)],
        rows=[
            [_linked(deal.name, deal.link), _text(str(deal.report_date or NOTHING)),
             _text(_money(deal.amount, deal.currency))]
            for deal in summary.top_deals
        ],
    )  # fmt: skip


def _deals(report: CrmReport) -> Table:
    whole = Table(
        name="deals",
        title="Deals",
        columns=[
            Column(heading="Deal"), Column(heading="Company"), Column(heading="Outcome"), Column(heading="Stage"),
            Column(heading="Report date", days=True), Column(heading="Amount", numeric=True),
            Column(heading="Pipeline", minor=True), Column(heading="Owner", minor=True),
            Column(heading="Source", minor=True), Column(heading="Country", minor=True),
            Column(heading="Close date", days=True, minor=True),
        ],
        rows=[_deal_row(row) for row in report.deals.rows] if report.deals is not None else [],
    )  # fmt: skip
    return whole.without("Deal", "Owner") if report.audit.audience is Audience.CLIENT else whole


def _deal_row(row: DealRow) -> list[Cell]:
    texts = (row.company or NOTHING, row.outcome, row.stage, str(row.report_date or NOTHING),
             _money(row.amount, row.currency), row.pipeline, row.owner or NOTHING, row.source, row.country,
             str(row.close_date or NOTHING))  # fmt: skip
    return [_linked(row.name, row.link), *map(_text, texts)]


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text(text: str, change: str = "") -> Cell:
    return Cell(lines=(Line(text=text, change=change),))


def _linked(name: str | None, link: str | None) -> Cell:
    return Cell(lines=(Line(text=name or "Unnamed deal"),), link=link)


def _deal_count(deals: DealSum, before: DealSum | None = None) -> Cell:
    return _text(number(deals.deals), change_of_number(deals.deals, before.deals) if before is not None else "")


def _worth(deals: DealSum, before: DealSum | None = None) -> Cell:
    return _amounts(deals.amounts, before.amounts if before is not None else None)


def _amounts(amounts: Sequence[Amount], before: Sequence[Amount] | None = None) -> Cell:
    words = {amount.currency: amount_in_words(amount) for amount in amounts}
    if before is None:
        return Cell(lines=tuple(Line(text=text) for text in words.values()) or (Line(text=NOTHING),))
    changes = change_of_amounts(amounts, before)
    lines = tuple(Line(text=words.get(currency, NOTHING), change=change) for currency, change in changes.items())
    return Cell(lines=lines or (Line(text=NOTHING),))


def _home(deals: DealSum, before: DealSum | None) -> Cell:
    home = deals.amount_home
    if home is None:
        return _text(NOTHING)
    if before is None or (before.amount_home is None and before.amounts):
        return _text(amount_in_words(home))
    changes = change_of_amounts([home], [before.amount_home] if before.amount_home is not None else [])
    return _text(amount_in_words(home), changes[home.currency])


def _rate(figures: AnyFigures, earlier: RangeFigures | None) -> Cell:
    if figures.win_rate is None:
        return _text(NOTHING)
    change = change_of_rate(figures.win_rate, earlier.win_rate) if earlier is not None else ""
    return _text(report_percent(Decimal(figures.win_rate)), change)


def _average(figures: AnyFigures, earlier: RangeFigures | None) -> Cell:
    """Return the average won deal; where either range has none in a currency, there is nothing to compare."""
    before = {amount.currency: amount for amount in earlier.average_deal} if earlier is not None else {}
    lines = tuple(
        Line(
            text=amount_in_words(amount),
            change=change_of_amounts([amount], [before[amount.currency]])[amount.currency]
            if amount.currency in before
            else "",
        )
        for amount in figures.average_deal
    )
    return Cell(lines=lines or (Line(text=NOTHING),))


def _days(figures: AnyFigures, earlier: RangeFigures | None) -> Cell:
    days, before = figures.median_days_to_close, earlier.median_days_to_close if earlier is not None else None
    if days is None:
        return _text(NOTHING)
    return _text(number(days), change_of_number(days, before) if before is not None else "")


def _money(amount: str | None, currency: str | None) -> str:
    return NOTHING if amount is None else amount_in_words(Amount(currency=currency, amount=amount))
