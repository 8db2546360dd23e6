"""Renderings of the changes: for chats, for spreadsheets and for browsers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.changes.headline import signed_money
from coppermind_pipeline.reports.changes.models import Bridge, BridgeStep, Changes, Level
from coppermind_pipeline.reports.changes.steps import LISTED
from coppermind_pipeline.reports.figures.measures import Amount, DealSum
from coppermind_pipeline.reports.rendering.document import Document, PlainTable, render_document
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.rendering.provenance import filters
from coppermind_pipeline.wording import as_words, clock_with_zone, day, day_range, listed, money, number

NOTHING = "\N{EN DASH}"

_LABELS = {kind.value: kind.label for kind in LISTED}


def render_changes(
    changes: Changes,
    format: ReportFormat,  # noqa: A002 - the argument's name in every interface
    *,
    alone: bool = True,
) -> str:
    """Return the changes as text; `csv` is one table, of the deals that are listed or of the bridge, `html` a page.

    Args:
        alone: whether nothing stands beside the text; an answer that has the caveats itself takes CSV without them.
    """
    zone = ZoneInfo(changes.period.timezone)
    document = Document(
        answer=changes,
        title=f"{changes.trust.mind}: what changed in the open pipeline, {_range(changes, zone)}",
        facts=_facts(changes, zone),
        caveats=changes.audit.caveats,
        headline=changes.headline,
        tables=[table for table in _tables(changes, zone) if table.rows],
        notes=changes.audit.notes,
        columns=_columns(changes),
    )
    return render_document(document, format, alone=alone)


def _range(changes: Changes, zone: ZoneInfo) -> str:
    start, end = changes.period.start.astimezone(zone), changes.period.end.astimezone(zone)
    return day_range(start.date(), end.date())


def _facts(changes: Changes, zone: ZoneInfo) -> list[tuple[str, str]]:
    trust, period = changes.trust, changes.period
    synced, of_portals = trust.last_successful_sync, changes.audit.audience is Audience.INTERNAL
    return [
        ("From", clock_with_zone(period.start, zone)),
        ("To", clock_with_zone(period.end, zone)),
        *([("Close dates moved across", day(period.period_end))] if period.period_end is not None else []),
        *([("Pipeline", changes.audit.pipeline)] if changes.audit.pipeline is not None else []),
        *([("Portals", ", ".join(map(str, trust.portal_ids)) or "none")] if of_portals else []),
        ("Last sync", "not complete yet" if synced is None else clock_with_zone(synced, zone)),
        ("Freshness", as_words(trust.freshness)),
        *([("Filters", filters(trust))] if of_portals else []),
        ("Source", trust.data_source),
    ]


def _tables(changes: Changes, zone: ZoneInfo) -> Iterable[PlainTable]:
    bridges = changes.bridges
    for bridge in bridges:
        named = "" if len(bridges) == 1 else f" in {bridge.currency or 'an unknown currency'}"
        yield _bridge(f"From opening to closing{named}", bridge)
    if len(bridges) > 1 and changes.in_company_currency.currency is not None:
        yield _bridge(f"All deals, in {changes.in_company_currency.currency}", changes.in_company_currency)
    yield _beside(changes)
    yield _won(changes)
    yield PlainTable(
        title="Deals",
        headings=(
            "Deal",
            "Step",
            "Amount",
            "Stage before",
            "Stage",
            "Close date before",
            "Close date",
            "Owner",
            "Read",
        ),
        rows=[
            (
                row.name or row.deal_id or NOTHING,
                _LABELS[row.step],
                _amount(row.amount, row.currency),
                row.stage_before or NOTHING,
                row.stage,
                NOTHING if row.close_date_before is None else day(row.close_date_before),
                NOTHING if row.close_date is None else day(row.close_date),
                row.owner or NOTHING,
                clock_with_zone(row.read_at, zone),
            )
            for row in changes.deals.rows
        ],
    )


def _bridge(title: str, bridge: Bridge) -> PlainTable:
    return PlainTable(
        title=title,
        headings=("", "Deals", "Amount", "Without amount"),
        rows=[
            _level("Open before", bridge.opening, bridge.currency),
            *(_level(step.label, step, bridge.currency) for step in bridge.steps),
            _level("Open after", bridge.closing, bridge.currency),
        ],
    )


def _level(label: str, level: Level, currency: str | None) -> Sequence[str]:
    amount = _amount(level.amount, currency)
    if isinstance(level, BridgeStep) and amount != NOTHING:
        amount = signed_money(level, currency)
    return label, number(level.deals), amount, number(level.without_amount)


def _beside(changes: Changes) -> PlainTable:
    sums = [
        ("Close date pushed out of the period", changes.pushed_out),
        ("Close date pulled into the period", changes.pulled_in),
        ("Won when it was read first", changes.closed_on_arrival["won"]),
        ("Lost when it was read first", changes.closed_on_arrival["lost"]),
    ]
    return PlainTable(
        title="Beside the bridge",
        headings=("", "Deals", "Amount", "Without amount"),
        rows=[_sum(label, found) for label, found in sums if found is not None and found.deals],
    )


def _won(changes: Changes) -> PlainTable:
    won = changes.won
    if not (won.in_bridge.deals or won.in_report.deals):
        return PlainTable(title="", headings=(), rows=())
    return PlainTable(
        title="Won, here and in the CRM report",
        headings=("", "Deals", "Amount", "Without amount"),
        rows=[
            _sum("Won from the open pipeline", won.in_bridge),
            *((each.text, f"{each.deals:+}", _amounts(each.amounts), NOTHING) for each in won.differences),
            _sum("Won in the CRM report, by close date", won.in_report),
        ],
    )


def _sum(label: str, found: DealSum) -> Sequence[str]:
    return label, number(found.deals), _amounts(found.amounts), number(found.without_amount)


def _amounts(amounts: Sequence[Amount]) -> str:
    return listed([_amount(each.amount, each.currency) for each in amounts]) if amounts else NOTHING


def _amount(amount: str | None, currency: str | None) -> str:
    return NOTHING if amount is None else money(Decimal(amount), currency)


def _columns(changes: Changes) -> list[dict[str, Any]]:
    """Return the deals that are listed as rows; where there is none, the bridges."""
    synced = changes.trust.last_successful_sync
    about = {
        "from": changes.period.start.isoformat(),
        "to": changes.period.end.isoformat(),
        "timezone": changes.period.timezone,
        "synced_at": None if synced is None else synced.isoformat(),
    }
    mind = {"mind": changes.trust.mind}
    if changes.deals.rows:
        return [mind | row.model_dump(mode="json") | about for row in changes.deals.rows]
    return [mind | row | about for bridge in changes.bridges or [changes.in_company_currency] for row in _lines(bridge)]


def _lines(bridge: Bridge) -> Iterable[dict[str, Any]]:
    currency = {"currency": bridge.currency}
    yield {"step": "opening", "effect": None} | bridge.opening.model_dump() | currency
    for step in bridge.steps:
        yield (
            {"step": step.step.value, "effect": step.effect}
            | step.model_dump(include=set(Level.model_fields))
            | currency
        )
    yield {"step": "closing", "effect": None} | bridge.closing.model_dump() | currency
