"""The open pipeline's bridge, told deal by deal from what had been read, as a person with a ledger would."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline_tests.reports.changes.source import FOLLOWED_SINCE, Deal, Source

OUTCOMES = {"closedwon": "won", "7102": "won", "closedlost": "lost", "7103": "lost"}
Line = tuple[int, Decimal, int]  # deals, amount, deals without amount


@dataclass(frozen=True)
class Question:
    start: datetime
    end: datetime
    pipeline: str | None
    currency: str | None  # None: all, in company currency


@dataclass(frozen=True)
class State:
    at: datetime
    properties: dict[str, str]
    gone: bool

    @property
    def outcome(self) -> str:
        return OUTCOMES.get(self.properties["dealstage"], "open")

    @property
    def currency(self) -> str:
        return self.properties.get("deal_currency_code", "USD")

    def amount(self, *, home: bool) -> Decimal | None:
        said = self.properties.get("amount_in_home_currency" if home else "amount")
        return None if said is None or "amount" not in self.properties else Decimal(said)

    def closes_on(self, zone: ZoneInfo) -> date | None:
        said = self.properties.get("closedate")
        moment = None if said is None else datetime.fromisoformat(said)
        if moment is None:
            return None
        return moment.date() if moment.astimezone(UTC).time() == time(0) else moment.astimezone(zone).date()


def states(deal: Deal) -> list[State]:
    """Return what was known of a deal, and from when on; from its merge on it is gone for good."""
    merged = deal.merged_at
    told = [
        State(
            version.read_at, version.properties, version.archived or (merged is not None and version.read_at >= merged)
        )
        for version in deal.versions
    ]
    before = [] if merged is None else [state for state in told if state.at < merged]
    if before and merged is not None and merged not in {state.at for state in told}:
        told.append(State(merged, before[-1].properties, gone=True))
    return sorted(told, key=lambda state: state.at)


def known_at(deal: Deal, moment: datetime) -> State | None:
    known = [state for state in states(deal) if state.at <= moment]
    return known[-1] if known else None


def matters(source: Source, state: State, question: Question) -> bool:
    """Say whether filters, pipeline and currency leave a deal in."""
    said = state.properties
    return (
        (not source.filtered or said.get("dealtype") == "newbusiness")
        and question.pipeline in {None, said["pipeline"]}
        and question.currency in {None, state.currency}
    )


def is_open(source: Source, state: State | None, question: Question) -> bool:
    return state is not None and not state.gone and state.outcome == "open" and matters(source, state, question)


def level(source: Source, question: Question, moment: datetime) -> Line:
    found = [state for deal in source.deals if is_open(source, state := known_at(deal, moment), question)]
    amounts = [state.amount(home=question.currency is None) for state in found if state is not None]
    return len(found), sum((each for each in amounts if each is not None), Decimal(0)), amounts.count(None)


def bridge(source: Source, question: Question) -> dict[str, Line]:
    """Return by step how many deals, how much, and how many without amount."""
    lines: defaultdict[str, list[tuple[Decimal, bool]]] = defaultdict(list)
    for deal in source.deals:
        for step, amount, unpriced in _steps(source, deal, question):
            lines[step].append((amount, unpriced))
    return {
        step: (len(told), sum((amount for amount, _ in told), Decimal(0)), sum(unpriced for _, unpriced in told))
        for step, told in lines.items()
    }


def _steps(source: Source, deal: Deal, question: Question) -> Iterator[tuple[str, Decimal, bool]]:
    old = known_at(deal, question.start)
    for new in (state for state in states(deal) if question.start < state.at <= question.end):
        was, now = is_open(source, old, question), is_open(source, new, question)
        home = question.currency is None
        after = new.amount(home=home)
        if now and not was:
            yield _why_in(source, old, new, question), after or Decimal(0), after is None
        elif was and old is not None:
            before = old.amount(home=home)
            if not home and old.currency != new.currency:
                after = before  # what it is in another currency is no change of this one
            elif after != before:
                own = (old.amount(home=False), old.currency) == (new.amount(home=False), new.currency)
                gained = (after or Decimal(0)) - (before or Decimal(0))
                up = before is None or (after is not None and gained > 0)
                step = "rate" if own else "amount_up" if up else "amount_down"
                yield step, gained if step != "amount_down" else -gained, (before is None) != (after is None)
            if not now:
                yield _why_out(source, new, question), after or Decimal(0), after is None
        old = new


def _why_in(source: Source, old: State | None, new: State, question: Question) -> str:
    if old is None:
        return "created" if datetime.fromisoformat(new.properties["createdate"]) > FOLLOWED_SINCE else "appeared"
    if old.gone:
        return "restored"
    return "reopened" if matters(source, old, question) else "moved_in"


def _why_out(source: Source, new: State, question: Question) -> str:
    if new.gone:
        return "removed"
    return new.outcome if matters(source, new, question) else "moved_out"


def has_every_home_amount(source: Source, question: Question) -> bool:
    """Say whether each version that the bridge uses, and that has an amount, has one in the company currency."""
    for deal in source.deals:
        old = known_at(deal, question.start)
        used = [old] if is_open(source, old, question) else []
        for new in (state for state in states(deal) if question.start < state.at <= question.end):
            if is_open(source, old, question) or is_open(source, new, question):
                used.append(new)
            old = new
        if any(
            state is not None
            and state.amount(home=False) is not None
            and "amount_in_home_currency" not in state.properties
            for state in used
        ):
            return False
    return True
