"""The parts of the documentation that are written by the code, each between two marks of its page."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import fill

from coppermind_pipeline.connectors import STATE_GUIDES
from coppermind_pipeline.crm import loss_themes
from coppermind_pipeline.metrics import DATE_BASES, METRICS, Metric
from coppermind_pipeline.synthesis.aggregates.rates import THRESHOLDS
from coppermind_pipeline.wording import as_words
from coppermind_pipeline_tests.contracts import errors, ownership

_DOCS = Path(__file__).parents[2] / "docs"


def stale() -> Iterator[str]:
    """Yield the pages that do not say what the code does."""
    for file, page in _written():
        if file.read_text() != page:
            yield f"docs/{file.name}: what the code writes in it is stale; run `make docs`"


def write() -> None:
    """Write what the code says into the pages."""
    for file, page in _written():
        file.write_text(page)


def _written() -> Iterator[tuple[Path, str]]:
    for file in sorted(_DOCS.glob("*.md")):
        page = file.read_text()
        if _PART.search(page):
            yield file, _PART.sub(lambda part: f"{part['begin']}\n{_PARTS[part['name']]()}\n{part['end']}", page)


def _states() -> str:
    rows = (f"| `{state}` | {each.cause} | {each.product} | {each.person} |" for state, each in STATE_GUIDES.items())
    return "\n".join(["| state | cause | what the product does | what to do |", "| --- | --- | --- | --- |", *rows])


def _loss_themes() -> str:
    rows = (
        f"| {each.label} (`{each.key}`) | `{each.memory_type}` | {each.covers} | {'; '.join(each.examples)} |"
        for each in loss_themes().values()
    )
    return "\n".join(["| theme | type | what it is about | for example |", "| --- | --- | --- | --- |", *rows])


def _thresholds() -> str:
    rows = (f"| `{name}` | {value:g} | {meaning} |" for name, (value, meaning) in THRESHOLDS.items())
    return "\n".join(["| threshold | value | what it is |", "| --- | --- | --- |", *rows])


def _metrics() -> str:
    return "\n\n".join(_metric(each) for each in METRICS.values())


def _metric(metric: Metric) -> str:
    bases = "any of a deal's dates" if metric.date_bases == DATE_BASES else _in_code(metric.date_bases)
    said = {
        "unit": metric.unit,
        "of": metric.population,
        "part of, or divided by": metric.denominator,
        "clock": metric.clock,
        "dated by": bases,
        "compared by": metric.comparison if metric.comparison != "none" else "",
        "HubSpot properties": _in_code(metric.hubspot_properties),
        "doubtful when": metric.doubtful_when,
        "SQL view": _in_code((metric.view,)) if metric.view else "",
        "shown in": "; ".join(f"{face} `{path}`" for face, path in metric.shown_in.items()),
    }
    lines = (f"- {name}: {as_words(value) if name in _WORDS else value}" for name, value in said.items() if value)
    wrapped = "\n".join(fill(line, 120, subsequent_indent="  ", break_on_hyphens=False) for line in lines)
    return f"### {metric.label} (`{metric.id}`)\n\n{fill(metric.definition, 120)}\n\n{wrapped}"


_WORDS = ("unit", "clock", "compared by")


def _in_code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_PART = re.compile(
    r"(?P<begin><!-- (?P<name>\w+), written by `make docs` -->)\n.*?(?P<end><!-- end of (?P=name) -->)", re.DOTALL
)
_PARTS: dict[str, Callable[[], str]] = {
    "states": _states,
    "loss_themes": _loss_themes,
    "thresholds": _thresholds,
    "metrics": _metrics,
    "tables": ownership.table,
    "errors": errors.tree,
}
