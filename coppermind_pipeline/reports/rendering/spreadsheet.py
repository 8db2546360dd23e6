"""A report as one table for spreadsheets: CSV."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.figures.losses import Losses, LossTheme
from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures, RangeFigures, rate
from coppermind_pipeline.reports.models import CrmReport, DealRow
from coppermind_pipeline.reports.rendering.provenance import backfill, filters
from coppermind_pipeline.reports.trust.for_client import NOT_IN_ROWS
from coppermind_pipeline.wording import count, visible_values

if TYPE_CHECKING:
    import pandas

# Excel takes a file without it for one in the machine's old code page, and spoils every umlaut.
UTF_8_MARK = "\ufeff"

# What a spreadsheet takes for a formula, once it is at the start of a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def csv_of(report: CrmReport, *, with_caveats: bool) -> str:
    """Return the report's frame as CSV, with the mark that Excel knows UTF-8 by."""
    frame = report_frame(report) if with_caveats else report_frame(report).drop(columns="caveats")
    # As text before pandas writes it: it would make floats of whole numbers that are missing somewhere.
    cells = frame.map(lambda value: "" if value is None else str(safe_cell(visible_values(value))))
    return UTF_8_MARK + cells.to_csv(index=False, lineterminator="\r\n")


def report_frame(report: CrmReport) -> "pandas.DataFrame":
    """Return the report as a data frame: the deals where it lists them, else the groups, else the summary; then losses.

    Amounts, rates and dates are text, as in the report. Each row begins with the mind and the part of the report that
    it is of, and ends with what its figures stand on: range, basis, zone, time of sync, and the caveats. Rows of losses
    have columns of their own, so that no sum of another column takes them in. What the report does not tell of its
    groups has no column.
    """
    import pandas

    for_client = report.audit.audience is Audience.CLIENT
    if report.deals is not None:
        part = "deals"
        rows = [row.model_dump(mode="json") for row in report.deals.rows]
        columns = [name for name in DealRow.model_fields if not (for_client and name in NOT_IN_ROWS)]
    else:
        part = "groups" if report.groups else "summary"
        named = [(group.label, group) for group in report.groups] or [("All deals", report.summary)]
        currencies = _currencies(
            value
            for _, figures in named
            for each in (figures, getattr(figures, "compared_with", None))
            if each is not None
            for _, value in each
            if isinstance(value, DealSum)
        )
        # Figures of deals that are left out are zeros in the model; in a cell they would be taken for counted.
        withheld = {name.removeprefix("groups.") if report.groups else name for name in report.audit.withheld}
        untold = report.groups[0].untold if report.groups else frozenset()
        rows = [{"group": label} | _flat(figures, currencies, withheld, untold) for label, figures in named]
        columns = list(rows[0])
    lost = [] if report.losses is None else list(_loss_rows(report.losses))
    about = _about(report)
    if for_client:
        del about["filters"]
    table = [{"mind": report.trust.mind} | row | about for row in (*({"part": part} | row for row in rows), *lost)]
    columns = list(dict.fromkeys(["mind", "part", *columns, *(name for row in lost for name in row), *about]))
    # Kept as they are: pandas would make floats of numbers that are missing somewhere.
    return pandas.DataFrame([[row.get(name) for name in columns] for row in table], columns=columns, dtype=object)


def _about(report: CrmReport) -> dict[str, Any]:
    trust, period = report.trust, report.period
    synced, covered = trust.last_successful_sync, trust.coverage_since
    return {
        "range_start": period.start.isoformat(),
        "range_end": period.end.isoformat(),
        "timezone": period.timezone,
        "date_basis": period.date_basis.value,
        "synced_at": None if synced is None else synced.isoformat(),
        "freshness": trust.freshness.value,
        "backfill": backfill(report),
        "covered_since": None if covered is None else covered.isoformat(),
        "filters": filters(report.trust, lifted=report.audit.include_filtered),
        "caveats": " ".join(report.audit.caveats),
    }


def _loss_rows(losses: Losses) -> Iterator[dict[str, Any]]:
    """Yield a row for each theme, which add up to all lost deals, and then one for each reason that is given."""
    currencies = _currencies(losses.themes)

    def row(part: str, theme: str, reason: str | None, deals: int, found: LossTheme | None = None) -> dict[str, Any]:
        return {
            "part": part,
            "loss_theme": theme,
            "loss_reason": reason,
            "loss_deals": deals,
            "loss_share": rate(deals, losses.deals),
            "loss_without_amount": None if found is None else found.without_amount,
            **_by_currency("loss", [] if found is None else found.amounts, currencies),
            **_by_currency("loss_home", [found.amount_home] if found and found.amount_home else [], currencies),
        }

    for theme in losses.themes:
        yield row("loss_themes", theme.label, None, theme.deals, theme)
    for label, deals in losses.beside_themes:
        yield row("loss_themes", label, None, deals)
    for theme in losses.themes:
        for reason in theme.reasons:
            yield row("loss_reasons", theme.label, reason.reason, reason.deals)
        if theme.more_reasons is not None:
            more = count(theme.more_reasons.reasons, "other reason")
            yield row("loss_reasons", theme.label, more, theme.more_reasons.deals)


def _flat(
    figures: Figures | RangeFigures,
    currencies: Sequence[str | None],
    withheld: Container[str],
    untold: Container[str] = (),
) -> dict[str, Any]:
    """Return figures as columns, one for each sum and currency ("closed_won_USD"); lists of deals stay out.

    Those of the earlier range come last ("earlier_closed_won_USD"). What is withheld is null, what is untold left out.
    """
    flat: dict[str, Any] = {}
    earlier: dict[str, Any] = {}
    for name, value in figures:
        if name in untold:
            continue
        if isinstance(value, DealSum):
            flat |= _sum(name, value, currencies, withheld, untold)
        elif isinstance(value, RangeFigures):
            earlier = {f"earlier_{column}": then for column, then in _flat(value, currencies, withheld).items()}
        elif name in {"average_deal", "weighted_pipeline"}:
            flat |= _by_currency(name, value, currencies)
        elif name not in {"top_deals", "compared_with", "label", "untold"}:
            of = "median_days_to_close" if name == "closed_before_created" else name
            flat[name] = None if of in withheld else value
    return flat | earlier


def _sum(
    name: str, found: DealSum, currencies: Sequence[str | None], withheld: Container[str], untold: Container[str]
) -> dict[str, Any]:
    """Return the columns of a sum of deals, without its parts that are untold."""
    home = [found.amount_home] if found.amount_home else []
    parts: dict[str, dict[str, Any]] = {
        "deals": {f"{name}_deals": None if name in withheld else found.deals},
        "without_amount": {f"{name}_without_amount": None if name in withheld else found.without_amount},
        "amounts": _by_currency(name, found.amounts, currencies),
        "amount_home": _by_currency(f"{name}_home", home, currencies),
    }
    return {column: value for part, columns in parts.items() if f"{name}.{part}" not in untold
            for column, value in columns.items()}  # fmt: skip


def _by_currency(name: str, amounts: Sequence[Amount], currencies: Sequence[str | None]) -> dict[str, str | None]:
    by_currency = {amount.currency: amount.amount for amount in amounts}
    return {f"{name}_{currency or 'unknown_currency'}": by_currency.get(currency) for currency in currencies}


def _currencies(sums: Iterable[DealSum]) -> list[str | None]:
    found = {
        amount.currency
        for each in sums
        for amount in (*each.amounts, *([each.amount_home] if each.amount_home else []))
    }
    return sorted(found, key=lambda currency: (currency is None, currency or ""))


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and _NUMBER.fullmatch(value) is None:
        return f"'{value}"
    return value
