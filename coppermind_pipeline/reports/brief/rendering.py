"""The brief as a page and as markdown."""

from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup

from coppermind_pipeline.reports.brief.models import (
    Brief,
    BriefChange,
    BriefLevel,
    BriefNumber,
    BriefSource,
    RenderedBrief,
    Value,
)
from coppermind_pipeline.reports.brief.request import BriefFormat
from coppermind_pipeline.reports.figures.worth import money_in_words, sums
from coppermind_pipeline.reports.question.periods import CompareTo
from coppermind_pipeline.reports.rendering.bar_charts import Bar, BarChart, scaled_bars
from coppermind_pipeline.reports.rendering.month_charts import EXTENT, LineChart, revenue_by_month
from coppermind_pipeline.reports.rendering.tables import NOTHING
from coppermind_pipeline.reports.rendering.templates import template
from coppermind_pipeline.reports.rendering.units import units_of
from coppermind_pipeline.wording import (
    agreeing,
    bullets,
    clock_with_zone,
    compact_money,
    count,
    day_range,
    in_markdown,
    month,
    number,
    report_percent,
    visible_text,
)

# Of more currencies, beside a bar.
_IN_SHORT_MAX = 2

_MINUS = "\N{MINUS SIGN}"
_EARLIER = {CompareTo.PREVIOUS_PERIOD: "the period before", CompareTo.PREVIOUS_YEAR: "the year before"}


def rendered_brief(brief: Brief, rendering: BriefFormat) -> Brief | RenderedBrief:
    """Return the brief itself as json, else its text behind what is to be known before it."""
    if rendering is BriefFormat.JSON:
        return brief
    content = brief_markdown(brief) if rendering is BriefFormat.MARKDOWN else brief_html(brief, styled=False)
    return RenderedBrief(trust=brief.trust, caveats=brief.caveats, format=rendering.value, content=content)


def brief_html(brief: Brief, *, styled: bool = True) -> str:
    """Return the brief as a page of its own, which prints to one sheet of A4 or Letter; `styled` with its styles."""
    return visible_text(template("brief_page.html").render(_values(brief), styled=styled))


def brief_fragment(brief: Brief) -> Markup:
    """Return the brief as one `<article>`, to stand in a page of another's that has its style sheets."""
    return Markup(template("brief.html").render(_values(brief)))  # noqa: S704 - the template escapes what is in it


def brief_markdown(brief: Brief) -> str:
    """Return the brief as markdown."""
    title = f"# {in_markdown(brief.trust.mind)}: {range_words(brief)}"
    parts = [
        title,
        *([f"Prepared by {in_markdown(brief.agency)}."] if brief.agency else []),
        f"Compared with {compared_words(brief)}. {as_of_words(brief)}.",
        "## In numbers",
        bullets(f"{each.name}: {in_markdown(_number(each))}" for each in brief.numbers),
        "## Revenue won by month",
        _months(brief),
        "## Where it came from",
        bullets(in_markdown(_source(each)) for each in brief.sources) or "Nothing was won in either range.",
        "## Why deals were lost",
        bullets(
            in_markdown(f"{each.theme}: {count(each.deals, 'deal')}, {report_percent(Decimal(each.share))}")
            for each in brief.losses
        )
        or "No deal was lost.",
        *_changed(brief),
        "## Good to know",
        bullets(map(in_markdown, caveats_of(brief))),
    ]
    return visible_text("\n\n".join(parts) + "\n")


def range_words(brief: Brief) -> str:
    """Return "1 October 2026 to 31 December 2026, so far"."""
    period = brief.period
    return f"{day_range(period.first_day, period.last_day)}{', so far' if period.so_far else ''}"


def compared_words(brief: Brief) -> str:
    """Return "1 July 2026 to 18 August 2026, the period before"."""
    earlier = brief.period.compared_with
    return f"{day_range(earlier.first_day, earlier.last_day)}, {_EARLIER[earlier.compare_to]}"


def as_of_words(brief: Brief) -> str:
    """Return until when HubSpot was read."""
    if brief.as_of is None:
        return "HubSpot has not been read completely yet"
    return f"As of {clock_with_zone(brief.as_of, ZoneInfo(brief.period.timezone))}"


def caveats_of(brief: Brief) -> list[str]:
    """Return the caveats, and that there are more."""
    further = further_caveats(brief)
    return [*brief.caveats, *([further] if further else [])]


def further_caveats(brief: Brief) -> str:
    """Return that a report has more caveats; empty where it has none."""
    more = brief.further_caveats
    return f"The full report has {count(more, 'further caveat')}." if more else ""


def change_words(changed: BriefChange) -> tuple[str, str, list[str]]:
    """Return the opening, the closing, and each step in words, with what is left out last."""

    def worth(level: BriefLevel) -> str:
        return NOTHING if level.amount is None else money_in_words(Decimal(level.amount), changed.currency, whole=True)

    steps = [
        f"{each.label} {_MINUS if each.effect == '-' else '+'}{worth(each)} ({count(each.deals, 'deal')})"
        for each in changed.steps
    ]
    if changed.further_steps:
        steps.append(f"and {count(changed.further_steps, 'smaller step')}")
    if changed.other_currencies:
        others = changed.other_currencies
        steps.append(f"and deals in {number(others)} other {agreeing(others, 'currency', 'currencies')}")
    levels = [f"{worth(each)} ({count(each.deals, 'deal')})" for each in (changed.opening, changed.closing)]
    return levels[0], levels[1], steps


def _changed(brief: Brief) -> list[str]:
    if brief.changed is None:
        return []
    opening, closing, steps = change_words(brief.changed)
    went = in_markdown(f"From {opening} to {closing}.")
    return ["## What changed in the open pipeline", went, bullets(map(in_markdown, steps)) or "Nothing moved it."]


def _values(brief: Brief) -> dict[str, object]:
    return {
        "title": f"{brief.trust.mind}: {range_words(brief)}",
        "brief": brief,
        "range": range_words(brief),
        "compared_with": compared_words(brief),
        "as_of": as_of_words(brief),
        "revenue": _revenue(brief),
        "sources": _sources(brief.sources),
        "losses": _losses(brief),
        "changed": None if brief.changed is None else change_words(brief.changed),
        "further": further_caveats(brief),
        "extent": EXTENT,
        "nothing": NOTHING,
    }


def _revenue(brief: Brief) -> Sequence[LineChart]:
    return revenue_by_month(brief.report.panorama, note="")


def _sources(sources: Sequence[BriefSource]) -> BarChart | None:
    """Return what each source has won; in number of deals where there is no one currency to draw."""
    if not sources:
        return None
    units = units_of([each.closed_won for each in sources if each.closed_won.deals])
    unit = units[0] if len(units) == 1 else None
    amounts = [None if unit is None else unit.amount_of(each.closed_won) for each in sources]
    lengths = [
        float(each.closed_won.deals) if unit is None else float(Decimal(amount.amount)) if amount is not None else 0.0
        for each, amount in zip(sources, amounts, strict=True)
    ]
    bars = [
        Bar(label=each.source, figure=_won(each), beside=_before(each), parts=parts)
        if unit is not None
        else Bar(label=each.source, figure=_before(each), beside=_in_short(each), parts=parts)
        for each, parts in zip(sources, scaled_bars(lengths), strict=True)
    ]
    return BarChart(
        title="Where it came from", unit="number of deals won" if unit is None else unit.words, of="Source", bars=bars
    )


def _losses(brief: Brief) -> BarChart | None:
    bars = [
        Bar(label=each.theme, figure=count(each.deals, "deal"), beside=report_percent(Decimal(each.share)), parts=parts)
        for each, parts in zip(
            brief.losses, scaled_bars([float(each.deals) for each in brief.losses], kind="lost"), strict=True
        )
    ]
    return BarChart(title="Why deals were lost", unit="number of lost deals", of="Theme", bars=bars) if bars else None


def _won(source: BriefSource) -> str:
    won = source.closed_won
    shown = [won.amount_home] if won.amount_home is not None else won.amounts
    return sums(shown, nothing=NOTHING, whole=True)


def _in_short(source: BriefSource) -> str:
    amounts = source.closed_won.amounts
    shown = [compact_money(Decimal(each.amount), each.currency) for each in amounts[:_IN_SHORT_MAX]]
    more = len(amounts) - len(shown)
    return " \N{MIDDLE DOT} ".join([*shown, *([f"{number(more)} more"] if more else [])])


def _before(source: BriefSource) -> str:
    return f"{count(source.closed_won.deals, 'deal')}, {number(source.before.deals)} before"


def _number(each: BriefNumber) -> str:
    others = each.more_currencies
    more = f"; and {number(others)} more {agreeing(others, 'currency', 'currencies')}" if others else ""
    return "; ".join(map(_value, each.values)) + more


def _value(value: Value) -> str:
    change = f", {value.change}" if value.change else ""
    return f"{value.now} (before {value.before}{change})"


def _source(source: BriefSource) -> str:
    return f"{source.source}: {_won(source)}, {_before(source)}"


def _months(brief: Brief) -> str:
    lines = ["| Month | Won | The year before |", "| --- | ---: | ---: |"]
    for each in brief.months:
        now = NOTHING if each.closed_won is None else sums(each.closed_won.amounts, nothing=NOTHING, whole=True)
        then = sums(each.year_before.amounts, nothing=NOTHING, whole=True)
        lines.append(f"| {month(each.first_day)} | {in_markdown(now)} | {in_markdown(then)} |")
    return "\n".join(lines)
