"""The charts of a report: its groups as bars, drawn as SVG without scripts.

Every bar has its figure beside it in words, and a description lists all of them, so that nothing depends on seeing
colours or lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from coppermind_pipeline.reports.figures.groups import Group
from coppermind_pipeline.reports.figures.measures import Amount
from coppermind_pipeline.reports.figures.worth import amount_in_words
from coppermind_pipeline.reports.models import CrmReport
from coppermind_pipeline.reports.rendering.tables import NOTHING, groups_title
from coppermind_pipeline.wording import count, number, uncapitalized

BARS_MAX = 20

VEGA_LITE_VERSION = "6.4"

# As wide as a small phone's text; a page scales it up by little.
_WIDTH_PX = 320
_ROW_PX = 38
_BAR_PX = 9
_FIGURE_PX = 130

# A page's style sheet may set the variables; the values behind them are for white paper.
_INK = "var(--ink, #26221e)"
_WON = "var(--chart-won, #a4562a)"
_LOST = "var(--chart-lost, #8a8078)"
_FONT = "system-ui, sans-serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with its caption, and what it says to those who don't see it."""

    title: str
    description: str
    svg: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One group: its name, its figure in words, and the lengths of its bar's parts."""

    label: str
    figure: str
    parts: dict[str, float]


def draw(report: CrmReport) -> list[Chart]:
    """Return what the closed-won deals of each group are worth, and how many deals each won and lost.

    Groups in which nothing closed are left out; without others, there is nothing to draw. Amounts are in the company
    currency where every group has them in a common one, else there is a chart for each currency: they are never added
    up.
    """
    closed = [group for group in report.groups if group.closed_won.deals or group.closed_lost.deals]
    groups = closed[:BARS_MAX]
    several_portals = report.audit.group_by is not None and len(report.trust.portal_ids) > 1
    labels = [f"{group.label} ({group.portal_id})" if several_portals else group.label for group in groups]
    drawn = [
        *(
            (f"Closed won {_by(report)}, {currency}", _worth_rows(labels, amounts))
            for currency, amounts in _worth_by_currency(groups).items()
        ),
        (f"Deals won and lost {_by(report)}", _deal_rows(labels, groups)),
    ]
    omitted = len(closed) - len(groups)
    return [_drawn(title, rows, omitted) for title, rows in drawn if any(any(row.parts.values()) for row in rows)]


def _by(report: CrmReport) -> str:
    return uncapitalized(groups_title(report))


def _worth_by_currency(groups: Sequence[Group]) -> dict[str, list[Amount | None]]:
    """Return one amount for each group, by what the currency is called."""
    priced = [group.closed_won for group in groups if group.closed_won.amounts]
    home = {won.amount_home.currency if won.amount_home is not None else None for won in priced}
    if len(home) == 1 and None not in home:
        company = f"{home.pop()} (company currency)"
        return {company: [group.closed_won.amount_home if group.closed_won.amounts else None for group in groups]}
    currencies = {amount.currency for won in priced for amount in won.amounts}
    return {
        (currency or "unknown currency"): [
            next((amount for amount in group.closed_won.amounts if amount.currency == currency), None)
            for group in groups
        ]
        for currency in sorted(currencies, key=lambda code: (code is None, code or ""))
    }


def _worth_rows(labels: Sequence[str], amounts: Sequence[Amount | None]) -> list[_Row]:
    return [
        _Row(
            label=label,
            figure=NOTHING if amount is None else amount_in_words(amount),
            parts={"Won": 0.0 if amount is None else float(Decimal(amount.amount))},
        )
        for label, amount in zip(labels, amounts, strict=True)
    ]


def _deal_rows(labels: Sequence[str], groups: Sequence[Group]) -> list[_Row]:
    return [
        _Row(
            label=label,
            figure=f"{number(group.closed_won.deals)} won, {number(group.closed_lost.deals)} lost",
            parts={"Won": group.closed_won.deals, "Lost": group.closed_lost.deals},
        )
        for label, group in zip(labels, groups, strict=True)
    ]


def _drawn(title: str, rows: Sequence[_Row], omitted: int) -> Chart:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(_specification(rows), vl_version=VEGA_LITE_VERSION)
    said = "; ".join(f"{row.label}: {row.figure}" for row in rows)
    more = f" (the first {count(len(rows), 'group')}; the table has {number(omitted)} more)" if omitted else ""
    # The drawing is ours, and every text of a group in it is escaped.
    return Chart(title=title + more, description=f"Bar chart. {said}.", svg=Markup(svg))  # noqa: S704


def _specification(rows: Sequence[_Row]) -> dict[str, Any]:
    """Return the Vega-Lite chart: a group's name and figure on one line, its bar below, in the given order."""
    parts = list(rows[0].parts)
    legend = {
        "orient": "bottom",
        "offset": 6,
        "title": None,
        "labelColor": _INK,
        "labelFont": _FONT,
        "labelFontSize": 12,
    }
    row = {"field": "row", "type": "ordinal", "axis": None, "scale": {"padding": 0}}
    text = {"type": "text", "font": _FONT, "fontSize": 13, "color": _INK, "baseline": "middle", "yOffset": -8}
    names = {"align": "left", "limit": _WIDTH_PX - _FIGURE_PX}
    figures = {"align": "right", "limit": _FIGURE_PX}
    by_row = {"values": [{"row": n, "label": row.label, "figure": row.figure} for n, row in enumerate(rows)]}
    lengths = [
        {"row": n, "part": part, "order": parts.index(part), "length": length}
        for n, row in enumerate(rows)
        for part, length in row.parts.items()
    ]
    return {
        "width": _WIDTH_PX,
        "height": _ROW_PX * len(rows),
        "padding": 0,
        "background": None,
        # The page says in one sentence what is drawn.
        "config": {"aria": False},
        "view": {"stroke": None},
        "encoding": {"y": row},
        "layer": [
            {
                "data": {"values": lengths},
                "mark": {"type": "bar", "height": _BAR_PX, "yOffset": 8},
                "encoding": {
                    "x": {
                        "field": "length",
                        "type": "quantitative",
                        "axis": None,
                        "scale": {"nice": False},
                        "stack": "zero",
                    },
                    "color": {
                        "field": "part",
                        "type": "nominal",
                        "scale": {"domain": parts, "range": [_WON, _LOST][: len(parts)]},
                        "legend": legend if len(parts) > 1 else None,
                    },
                    "order": {"field": "order"},
                },
            },
            {
                "data": by_row,
                "mark": text | names,
                "encoding": {"text": {"field": "label"}, "x": {"value": 0}},
            },
            {
                "data": by_row,
                "mark": text | figures,
                "encoding": {"text": {"field": "figure"}, "x": {"value": _WIDTH_PX}},
            },
        ],
    }
