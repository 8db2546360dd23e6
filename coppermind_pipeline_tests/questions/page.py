"""The page of questions: each with its call, and what that answers of the demonstration's portal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from textwrap import fill
from typing import Any

from coppermind_pipeline_tests.questions.asking import Answered
from coppermind_pipeline_tests.questions.portals import BOARD, NOW

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
SHOWN = "Harborlight"
_ENTRIES_MAX = 12


def page(answers: Sequence[Answered]) -> str:
    """Return the page, of the answers on the portal that it shows."""
    lines = [_HEAD]
    topic = None
    for each in answers:
        if each.question.topic != topic:
            topic = each.question.topic
            lines.append(f"## {topic}\n")
        lines.extend(_entry(each))
    return "\n".join([*lines, _NOT_ANSWERED])


def _entry(answered: Answered) -> Iterator[str]:
    yield f"**{answered.asks}**\n\n`{answered.call}`\n"
    for place, value in answered.told.items():
        line = f"- `{place}`: {_in_words(value, answered.labels)}"
        yield fill(line, 120, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    if answered.flagged:
        yield f"- flagged: {', '.join(code.replace('_', ' ') for code in answered.flagged)}"
    yield ""


def _in_words(value: Any, labels: Mapping[str, str]) -> str:
    match value:
        case None:
            return "none"
        case True | False:
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,}"
        case int() | float():
            return f"{value:,}"
        case Mapping() if value and all(isinstance(each, Decimal) and len(key) == _CODE for key, each in value.items()):
            return " and ".join(f"{currency} {amount:,}" for currency, amount in value.items())
        case Mapping():
            return _few([f"{labels.get(name, name)}: {_in_words(each, labels)}" for name, each in value.items()])
        case list():
            return _few([_in_words(each, labels) for each in value])
        case _:
            return str(value)


_CODE = 3  # letters of a currency's


def _few(parts: Sequence[str]) -> str:
    rest = len(parts) - _ENTRIES_MAX
    shown: Iterable[str] = [*parts[:_ENTRIES_MAX], *([f"and {rest} more"] if rest > 0 else [])]
    return "; ".join(shown) or "none"


_HEAD = f"""\
# Questions

What a CMO asks, in sixty questions, each with the one call that answers it and where in the answer the figure is. The
answers are those of the demonstration's portal at a tenth of its size, as of {NOW.day} {NOW:%B %Y}; it had been read
before on {BOARD.day} {BOARD:%B}, when the board met. *Flagged* says which doubts the answer itself names in its
caveats. The page is written by `make docs` from `coppermind_pipeline_tests/questions`, and a test compares it with what
is answered.

`make bench-questions` asks all of them of four portals, and compares each answer with one that is told from the
portal's own records by other code, to the cent and to the deal:

- *Harborlight*, the demonstration's, with the blanks, doubles, colleagues and misspelt countries of a real portal.
- *Kestrel*, tangled: three currencies, two won stages in one pipeline, a fiscal year from April, bare days at the edges
  of months in a zone behind UTC, filters, merged contacts, contacts that skipped stages, names that begin alike.
- *Bluefin*, imported whole: all contacts are "Offline", all close dates are bare days before the day of creation, and
  nobody knows when a stage was entered.
- *Newcomer*, connected and still empty.
"""

_NOT_ANSWERED = """\
## What no call answers

- Contacts by job title, seniority or e-mail domain, and companies by country, industry, size or lifecycle stage.
  `search` finds those that a text names, and counts none.
- Lists of contacts: whose stage is what, who was created when. `account` lists those of one company.
- Deals by deal type, competitor or any property of a portal's own.
- What only HubSpot's other objects know: campaigns, e-mails, forms, meetings, tickets, web traffic and costs; hence no
  return on what was spent.
- Records last changed before the window that is read, two years by default; the answer says where the window starts.
"""
