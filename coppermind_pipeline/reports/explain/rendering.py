"""An explanation as markdown, as assistants and terminals both show it."""

import json
from collections.abc import Iterable
from decimal import Decimal

from coppermind_pipeline.reports.explain.models import Explanation, LeadRow
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.wording import bullets, count, in_markdown, listed, money, number, utc_minute, visible_text


def explanation_markdown(explanation: Explanation) -> str:
    """Return what a figure is and was, whether it is the same today, and the deals that it is made of."""
    rows = explanation.rows
    parts = [
        f"# {in_markdown(explanation.trust.mind)}: {in_markdown(explanation.figure.partition('#')[2])}",
        bullets(f"{name}: {in_markdown(value)}" for name, value in _facts(explanation)),
        *(["## Caveats", bullets(map(in_markdown, explanation.caveats))] if explanation.caveats else []),
        f"## {count(explanation.total, _noun(explanation))}, of which {number(len(rows))} are listed",
        bullets(_deal(row) if isinstance(row, DealRow) else _contact(row) for row in rows),
    ]
    if explanation.next_cursor is not None:
        parts.append(f"There are more: cursor {explanation.next_cursor}.")
    return visible_text("\n\n".join(part for part in parts if part) + "\n")


def _facts(explanation: Explanation) -> Iterable[tuple[str, str]]:
    changed = listed(list(explanation.changed))
    if explanation.definition is not None:
        yield "Definition", explanation.definition
    yield "Value", _as_data(explanation.value)
    yield "As of", f"{utc_minute(explanation.as_of)} UTC"
    yield "Asked for", _as_data(explanation.arguments)
    filters = {connector: found for connector, found in explanation.filters.items() if found}
    if filters:
        yield "Settings in force then", _as_data(filters)
    yield "The same today", "yes" if explanation.same_today else f"no, {_as_data(explanation.value_today)}"
    if changed:
        yield "What changed", changed
    yield "Hash of what had been read", explanation.hash


def _noun(explanation: Explanation) -> str:
    if not explanation.rows:
        return "record"
    return "contact" if isinstance(explanation.rows[0], LeadRow) else "deal"


def _contact(row: LeadRow) -> str:
    about = [row.contact_id, row.lifecycle_stage, row.source, row.owner, row.country,
             None if row.create_date is None else f"created {row.create_date}"]  # fmt: skip
    return _linked(row.name or "Unnamed contact", row.link, about)


def _deal(row: DealRow) -> str:
    about = [
        row.deal_id,
        row.outcome,
        f"{row.stage} of {row.pipeline}",
        "no amount" if row.amount is None else money(Decimal(row.amount), row.currency),
        row.company,
        row.source,
        None if row.close_date is None else f"close date {row.close_date}",
    ]
    return _linked(row.name or "Unnamed deal", row.link, about)


def _linked(name: str, link: str | None, about: Iterable[str | None]) -> str:
    named = f"[{in_markdown(name)}]({link})" if link else in_markdown(name)
    return f"{named}: {in_markdown(', '.join(each for each in about if each))}"


def _as_data(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
