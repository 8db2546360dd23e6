"""A report of tables alone, whatever it is about: for chats, for spreadsheets and for browsers."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.rendering.spreadsheet import UTF_8_MARK, safe_cell
from coppermind_pipeline.reports.rendering.templates import template
from coppermind_pipeline.wording import bullets, single_spaced, visible_text, visible_values

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTable:
    """One table: its columns' headings and its rows; all columns but the first hold numbers."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is rendered.

    Attributes:
        answer: the same as data.
        facts: what every reading of the figures depends on, as name and value.
        columns: the rows of a spreadsheet, at least one.
    """

    answer: BaseModel
    title: str
    facts: Sequence[tuple[str, str]]
    caveats: Sequence[str]
    headline: Sequence[str]
    tables: Sequence[PlainTable]
    notes: Sequence[str]
    columns: Sequence[Mapping[str, Any]]


def render_document(document: Document, rendering: ReportFormat, *, alone: bool = True) -> str:
    """Return it as text; `csv` is one table, `html` a page of its own.

    Args:
        alone: whether nothing stands beside the text; an answer that has the caveats itself takes CSV without them.
    """
    match rendering:
        case ReportFormat.JSON:
            return json.dumps(visible_values(document.answer.model_dump(mode="json")), indent=2, ensure_ascii=False)
        case ReportFormat.MARKDOWN:
            return visible_text(_markdown(document))
        case ReportFormat.CSV:
            return _csv(document, with_caveats=alone)
        case ReportFormat.HTML:
            return visible_text(template("document.html").render(document=document))


def _markdown(document: Document) -> str:
    parts = [
        f"# {_plain(document.title)}",
        bullets(f"{name}: {_plain(value)}" for name, value in document.facts),
    ]
    for title, lines in (("Caveats", document.caveats), ("Headline", document.headline)):
        if lines:
            parts += [f"## {title}", bullets(map(_plain, lines))]
    for table in document.tables:
        parts += [f"## {_plain(table.title)}", _markdown_table(table)]
    parts += ["## How this is counted", bullets(map(_plain, document.notes))]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: PlainTable) -> str:
    lines = [table.headings, ["---", *["---:"] * (len(table.headings) - 1)], *table.rows]
    rule = 1
    return "\n".join(
        f"| {' | '.join(line if place == rule else map(_plain, line))} |" for place, line in enumerate(lines)
    )


def _plain(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", single_spaced(text))


def _csv(document: Document, *, with_caveats: bool) -> str:
    more = {"caveats": " ".join(document.caveats)} if with_caveats else {}
    rows = [{**row, **more} for row in document.columns]
    written = io.StringIO()
    written.write(UTF_8_MARK)
    writer = csv.DictWriter(written, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    return "" if value is None else safe_cell(visible_values(value))
