"""The parts of the documentation that are written by the code, each between two marks of its page."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from coppermind_pipeline.connectors import STATE_GUIDES
from coppermind_pipeline.crm import loss_themes
from coppermind_pipeline.synthesis.aggregates.rates import THRESHOLDS
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


_PART = re.compile(
    r"(?P<begin><!-- (?P<name>\w+), written by `make docs` -->)\n.*?(?P<end><!-- end of (?P=name) -->)", re.DOTALL
)
_PARTS: dict[str, Callable[[], str]] = {
    "states": _states,
    "loss_themes": _loss_themes,
    "thresholds": _thresholds,
    "tables": ownership.table,
    "errors": errors.tree,
}
