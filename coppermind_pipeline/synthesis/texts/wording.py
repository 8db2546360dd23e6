"""Wording that all texts share: what they cover, counts, rates, money, days, and what changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from coppermind_pipeline.connectors import Freshness
from coppermind_pipeline.crm import Labels
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossTheme
from coppermind_pipeline.synthesis.aggregates.rates import RATE_DENOMINATOR_MIN, Comparison, Rate, likely_range
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, share
from coppermind_pipeline.wording import count, day, listed, money, number, one_line, percent

ROWS_MAX = 10
NAME_CHARS_MAX = 120
WHAT_A_RANGE_IS = "A range is where a rate would likely lie with many more records (95% Wilson interval)."

_LEAKED = {"disqualified": "were disqualified", "postponed": "were postponed", "stuck": "are stuck"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the figures of a text cover; days are those of the report zone.

    Attributes:
        through: the last day that is covered.
        since: start of the window of what was read.
        freshness: of what was read, by the rule of the report's trust, as of the end of what is covered.
        last_pull: the day of the last complete pull; None before the first.
        worked_out: the day on which a past period was worked out; None for the current one.
        is_estimated: it ended before the portal had been read, and is told from the records as they are now.
        filtered: how many records the filters leave out, by object type.
        previous: the last day that the synthesis before covers; None for the first.
    """

    through: date
    since: date | None
    freshness: Freshness = Freshness.FRESH
    last_pull: date | None = None
    worked_out: date | None = None
    is_estimated: bool = False
    filtered: tuple[tuple[ObjectType, int], ...] = ()
    previous: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What texts need beside their figures."""

    labels: Labels
    coverage: Coverage

    def source(self, source: str | None) -> str:
        """Return a source's label."""
        return name_line(str(self.labels.source(source)))


def opening(title: str, coverage: Coverage) -> str:
    """Return the first paragraph: what the text covers, and what it leaves out."""
    since = f" (records changed since {day(coverage.since)})" if coverage.since is not None else ""
    sentences = [f"{title}: all synced HubSpot CRM history through {day(coverage.through)}{since}."]
    if coverage.worked_out is not None and coverage.is_estimated:
        sentences.append(
            f"Worked out on {day(coverage.worked_out)} from the records as they were on that day: what was created "
            f"after {day(coverage.through)} is left out, and deals closed after it count as open."
        )
    elif coverage.worked_out is not None:
        sentences.append(
            f"Worked out on {day(coverage.worked_out)} from the records as they had been read by the end of "
            f"{day(coverage.through)}."
        )
    if coverage.freshness is Freshness.NEVER_SYNCED:
        sentences.append("HubSpot has not been read completely yet; figures may still change.")
    elif coverage.freshness is Freshness.STALE and coverage.last_pull is not None:
        sentences.append(f"HubSpot was last read completely on {day(coverage.last_pull)}; later changes are missing.")
    left_out = [count(records, object_type[:-1] if object_type != ObjectType.COMPANIES else "company")
                for object_type, records in coverage.filtered if records]  # fmt: skip
    if left_out:
        sentences.append(f"Filters leave out {listed(left_out)}.")
    return " ".join(sentences)


def closing(changes: Sequence[str] | None, coverage: Coverage) -> str:
    """Return the last paragraph: what changed since the synthesis before; `changes` None where it had no such text."""
    if changes is None or coverage.previous is None:
        return "There is no earlier synthesis of this to compare with."
    before = f"the synthesis through {day(coverage.previous)}"
    if not changes:
        return f"Nothing here changed since {before}."
    return f"Since {before}: {'; '.join(changes)}."


def document(*paragraphs: str) -> str:
    """Join the paragraphs that say something."""
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def percent_of(part: int, whole: int) -> str:
    """Return a share as "57.1%"."""
    return percent(share(part, whole))


def rate(part: int, whole: int, noun: str) -> str:
    """Return "12 of 20 closed deals (60.0%)"; the percentage only where the whole is large enough to mean something."""
    text = f"{number(part)} of {count(whole, noun)}"
    return f"{text} ({percent_of(part, whole)})" if whole >= RATE_DENOMINATOR_MIN else text


def rate_and_range(part: int, whole: int) -> str:
    """Return "60.0%, range 35.7% to 80.2%", of a whole that is large enough."""
    return f"{percent_of(part, whole)}, {_range(part, whole)}"


def compared(found: Rate) -> tuple[str, str]:
    """Return a rate and that of the rest as "36.0% (18 of 50, range 24.1% to 49.9%)"."""

    def told(part: int, whole: int) -> str:
        return f"{percent_of(part, whole)} ({number(part)} of {number(whole)}, {_range(part, whole)})"

    return told(found.part, found.whole), told(found.rest_part, found.rest_whole)


def why_none_stands_out(found: Comparison, noun: str, *, told_in: str) -> str:
    """Return as a sentence why no rate is named.

    Args:
        noun: of the records that the rates are of.
        told_in: the text that names rates which stand out otherwise than is asked for.
    """
    if not found.rates:
        return f"A comparison takes {RATE_DENOMINATOR_MIN} {noun} of one source and as many of others, not all alike."
    if found.standing_out:
        return f"Other differences do stand out; the {told_in} text has them."
    return (
        f"The differences between sources with at least {RATE_DENOMINATOR_MIN} {noun} are no larger than chance "
        "would bring."
    )


def beside_the_others(leak: Rate, wording: Wording) -> str:
    """Return a leak that stands out, with that of the other sources."""
    own, rest = compared(leak)
    leads = "leads from an unknown source" if leak.source is None else f"{wording.source(leak.source)} leads"
    return f"{own} of {leads} {_LEAKED[leak.kind]}, {rest} of all other leads"


def _range(part: int, whole: int) -> str:
    low, high = likely_range(part, whole)
    return f"range {percent(low)} to {percent(high)}"


def sums(totals: Sequence[MoneyTotal], *, nothing: str = "no amount") -> str:
    """Return sums, one per currency: "$1,200,000 and €40,000"."""
    return listed([money(total.amount, total.currency) for total in totals]) or nothing


def averages(totals: Sequence[MoneyTotal]) -> str:
    """Return the averages, one per currency."""
    return listed([money(total.average, total.currency) for total in totals])


def name_line(text: str) -> str:
    """Return what a person named something, on one line and cut with an ellipsis if it is long."""
    return one_line(text, NAME_CHARS_MAX)


def theme_names(themes: Iterable[LossTheme]) -> str:
    """Return the labels of themes of loss; a reason that is a theme of its own is quoted."""
    return listed([
        each.theme.label if each.theme.covers is not None else f"“{name_line(each.theme.label)}”" for each in themes
    ])  # fmt: skip


def changed(what: str, before: int, now: int) -> list[str]:
    """Return "won deals 57 → 60", or nothing where the count is the same."""
    return [f"{what} {number(before)} → {number(now)}"] if before != now else []


def changed_money(what: str, before: Sequence[MoneyTotal], now: Sequence[MoneyTotal]) -> list[str]:
    """Return the sums before and now, or nothing where they are the same."""
    then, today = sums(before, nothing="none"), sums(now, nothing="none")
    return [f"{what} {then} → {today}"] if then != today else []


def changed_text(what: str, before: str | None, now: str | None) -> list[str]:
    """Return what a name was before and is now, or nothing where it is the same."""
    return [f"{what} {before or 'none'} → {now or 'none'}"] if before != now else []
