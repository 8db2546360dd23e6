"""Renderings of a report: for machines, for chats, for spreadsheets and for browsers."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures
from coppermind_pipeline.reports.models import CrmReport, DealPage, DealRow
from coppermind_pipeline.reports.rendering.charts import draw
from coppermind_pipeline.reports.rendering.tables import Cell, Table, tables
from coppermind_pipeline.reports.trust.block import RecordCounts
from coppermind_pipeline.wording import (
    as_words,
    bullets,
    clock_with_zone,
    day,
    number,
    single_spaced,
    visible_text,
    visible_values,
)

if TYPE_CHECKING:
    import pandas

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
# What a spreadsheet takes for a formula, once it is at the start of a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class ReportFormat(StrEnum):
    """What a report can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"
    CSV = "csv"
    HTML = "html"


def render(
    report: CrmReport,
    format: ReportFormat,  # noqa: A002 - the argument's name in every interface
    *,
    with_charts: bool = True,
) -> str:
    """Return the report as text.

    `csv` is one table: the deals where the report lists them, else the groups, else the summary; each row carries
    range, basis, zone and time of sync. `html` is a page of its own, without scripts; only there are charts.
    """
    match format:
        case ReportFormat.JSON:
            return json.dumps(visible_values(report.model_dump(mode="json")), indent=2, ensure_ascii=False)
        case ReportFormat.MARKDOWN:
            return visible_text(_markdown(report))
        case ReportFormat.CSV:
            return _csv(report)
        case ReportFormat.HTML:
            return visible_text(_template("page.html").render(_html_values(report, with_charts=with_charts)))


def html_fragment(report: CrmReport) -> Markup:
    """Return the report as one `<article>`, to stand in a page of another's that has `static/report.css`."""
    fragment = _template("report.html").render(_html_values(report, with_charts=True))
    return Markup(fragment)  # noqa: S704 - the template escapes what is in it


def title_of(report: CrmReport) -> str:
    """Return "CRM report, 1 October 2026 to 31 December 2026"."""
    return f"CRM report, {day(report.period.first_day)} to {day(report.period.last_day)}"


def _provenance(report: CrmReport) -> list[tuple[str, str]]:
    """Return what every reading of the figures depends on, the trust block among it, as name and value."""
    trust, period = report.trust, report.period
    zone = ZoneInfo(period.timezone)
    synced = trust.last_successful_sync
    earlier = period.compared_with
    elapsed = f" ({earlier.elapsed_days} elapsed days)" if earlier is not None and earlier.elapsed_days else ""
    return [
        ("Range", f"{day(period.first_day)} to {day(period.last_day)}, {period.timezone}"),
        *([("Compared with", f"{day(earlier.first_day)} to {day(earlier.last_day)}{elapsed}")]
          if earlier is not None else []),
        ("Date basis", f"{period.date_basis_label} ({', '.join(period.hubspot_properties)})"),
        *([("As of", clock_with_zone(period.as_of, zone))] if period.as_of is not None else []),
        ("Portals", ", ".join(map(str, trust.portal_ids)) or "none"),
        ("Last sync", "not complete yet" if synced is None else clock_with_zone(synced, zone)),
        ("Freshness", as_words(trust.freshness)),
        ("Backfill", "complete" if trust.backfill_complete else "not complete"),
        ("Covered since", "unknown" if trust.coverage_since is None else clock_with_zone(trust.coverage_since, zone)),
        ("Records stored", ", ".join(_record_count(name, counts) for name, counts in trust.record_counts.items())),
        ("Properties", "all" if trust.hydration == "full" else "the required ones alone"),
        ("Filters", "; ".join(_filters(trust.configured_filters)) or "none"),
        ("Source", trust.data_source + (", after a live pull" if trust.live_fallback_used else "")),
    ]  # fmt: skip


def _record_count(object_type: ObjectType, counts: RecordCounts) -> str:
    of_portal = "" if counts.portal_in_window is None else f" of {number(counts.portal_in_window)}"
    return f"{number(counts.stored)}{of_portal} {object_type}"


def _filters(by_connector: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """Yield the filters in force, those of several connectors behind their names."""
    for connector_id, filters in by_connector.items():
        of = f"{connector_id}: " if len(by_connector) > 1 else ""
        for key, value in filters.items():
            yield f"{of}{key} {value if isinstance(value, str) else orjson.dumps(value).decode()}"


def _markdown(report: CrmReport) -> str:
    parts = [
        f"# {_plain(title_of(report))}",
        bullets(f"{name}: {_plain(value)}" for name, value in _provenance(report)),
    ]
    if report.audit.caveats:
        parts += ["## Caveats", bullets(map(_plain, report.audit.caveats))]
    if report.headline:
        parts += ["## Headline", bullets(map(_plain, report.headline))]
    for table in tables(report):
        parts += [f"## {_plain(table.title)}", _markdown_table(table)]
    if report.deals is not None and report.deals.next_page is not None:
        page = report.deals
        parts.append(f"Page {page.page} of {number(page.total)} deals; the next is page {page.next_page}.")
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    head = [_plain(column.heading) for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [head, rule, *([_markdown_cell(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_cell(cell: Cell) -> str:
    return f"[{_plain(cell.text)}]({cell.link})" if cell.link else _plain(cell.text)


def _plain(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", single_spaced(text))


def report_frame(report: CrmReport) -> "pandas.DataFrame":
    """Return the report as a data frame: the deals where it lists them, else the groups, else the summary.

    Amounts, rates and dates are text, as in the report; each row carries range, basis, zone and time of sync.
    """
    import pandas

    if report.deals is not None:
        rows = [row.model_dump(mode="json") for row in report.deals.rows]
        columns = list(DealRow.model_fields)
    else:
        named = [(group.label, group) for group in report.groups] or [("All deals", report.summary)]
        currencies = _currencies([figures for _, figures in named])
        rows = [{"group": label} | _flat(figures, currencies) for label, figures in named]
        columns = list(rows[0])
    about = {
        "range_start": report.period.start.isoformat(),
        "range_end": report.period.end.isoformat(),
        "timezone": report.period.timezone,
        "date_basis": report.period.date_basis.value,
        "synced_at": None
        if report.trust.last_successful_sync is None
        else report.trust.last_successful_sync.isoformat(),
    }
    # Kept as they are: pandas would make floats of numbers that are missing somewhere.
    return pandas.DataFrame([row | about for row in rows], columns=[*columns, *about], dtype=object)


def _csv(report: CrmReport) -> str:
    # As text before pandas writes it: it would make floats of whole numbers that are missing somewhere.
    cells = report_frame(report).map(lambda value: "" if value is None else str(_safe_cell(visible_values(value))))
    return cells.to_csv(index=False, lineterminator="\r\n")


def _flat(figures: Figures, currencies: Sequence[str | None]) -> dict[str, Any]:
    """Return figures as columns, one for each sum and currency ("closed_won_USD"); lists of deals stay out."""
    flat: dict[str, Any] = {}
    for name, value in figures:
        if isinstance(value, DealSum):
            flat |= {f"{name}_deals": value.deals, f"{name}_without_amount": value.without_amount}
            flat |= _by_currency(name, value.amounts, currencies)
            flat |= _by_currency(f"{name}_home", [value.amount_home] if value.amount_home else [], currencies)
        elif name in {"average_deal", "weighted_pipeline"}:
            flat |= _by_currency(name, value, currencies)
        elif name not in {"top_deals", "compared_with", "label"}:
            flat[name] = value
    return flat


def _by_currency(name: str, amounts: Sequence[Amount], currencies: Sequence[str | None]) -> dict[str, str | None]:
    by_currency = {amount.currency: amount.amount for amount in amounts}
    return {f"{name}_{currency or 'unknown_currency'}": by_currency.get(currency) for currency in currencies}


def _currencies(all_figures: Sequence[Figures]) -> list[str | None]:
    found = {
        amount.currency
        for figures in all_figures
        for _, value in figures
        if isinstance(value, DealSum)
        for amount in (*value.amounts, *([value.amount_home] if value.amount_home else []))
    }
    return sorted(found, key=lambda currency: (currency is None, currency or ""))


def _safe_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and _NUMBER.fullmatch(value) is None:
        return f"'{value}"
    return value


def _html_values(report: CrmReport, *, with_charts: bool) -> dict[str, Any]:
    return {
        "title": title_of(report),
        "report": report,
        "provenance": _provenance(report),
        "charts": draw(report) if with_charts else [],
        "tables": tables(report),
        "deals_shown": None if report.deals is None else _deals_shown(report.deals),
    }


def _deals_shown(page: DealPage) -> str:
    first = (page.page - 1) * page.page_rows + 1
    last = first + len(page.rows) - 1
    return f"Deals {number(first)} to {number(last)} of {number(page.total)}" if page.rows else "No deals here"


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("coppermind_pipeline.reports", of) for of in ("templates", "static")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
