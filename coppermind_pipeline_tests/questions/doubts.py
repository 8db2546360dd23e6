"""What makes a figure doubtful: when that is so in a portal, and the words by which an answer says it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline_tests.questions.oracle import BASES, ORACLES, closed_in, day_of, source_of
from coppermind_pipeline_tests.questions.periods import Days, asked_range, compared_range
from coppermind_pipeline_tests.questions.portals import SINCE, Asked
from coppermind_pipeline_tests.questions.source import Deal, Source

Call = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doubt:
    """`words`: what a caveat about it says; `exists`: whether it is so of the answer to a call."""

    words: str
    exists: Callable[[Asked, Call], bool]


def _deals(asked: Asked, call: Call) -> list[Deal]:
    """Return the deals that count in an answer: of the outcomes asked for; of changes, those that were open."""
    if "from" in call:
        both = [*Source(asked, asked.before).deals, *Source(asked, asked.after).deals]
        return [deal for deal in both if deal["outcome"] == "open"]
    source = source_of(asked, call)
    wanted = call.get("outcome", "won,lost,open").split(",")
    deals = source.all_deals if call.get("include_filtered") else source.deals
    return [deal for deal in deals if deal["outcome"] in wanted]


def _ranges(asked: Asked, call: Call) -> Iterator[Days]:
    yield asked_range(asked, call)
    if (earlier := compared_range(asked, call)) is not None:
        yield earlier


def _currencies(asked: Asked, call: Call) -> bool:
    days, deals = asked_range(asked, call), _deals(asked, call)
    basis = call.get("date_basis", "closedate")
    created = [deal for deal in deals if (day := day_of(deal["created_at"], asked)) and days.first <= day < days.end]
    shown = [deal for outcome in ("won", "lost") for deal in closed_in(deals, outcome, days, asked, basis)]
    shown += [deal for deal in deals if deal["outcome"] == "open"] + created
    return len({deal["currency"] for deal in shown if deal["amount"] is not None}) > 1


def _bare_days(asked: Asked, call: Call) -> bool:
    """Say whether a bare day, read as a moment, would lie in another range or month that is shown."""
    deals = _deals(asked, call)

    def differs(deal: Deal) -> bool:
        said, read = day_of(deal["close_at"], asked, bare=True), day_of(deal["close_at"], asked)
        if said is None or read is None or said == read:
            return False
        is_open = deal["outcome"] == "open"
        days = asked_range(asked, call)
        other_range = not is_open and any((each.first <= said < each.end) != (each.first <= read < each.end)
                                          for each in _ranges(asked, call))  # fmt: skip
        by_month = call.get("group_by") == "month" and (is_open or days.first <= said < days.end)
        return other_range or (by_month and (said.year, said.month) != (read.year, read.month))

    return any(differs(deal) for deal in deals)


def _without_amount(outcome: str) -> Callable[[Asked, Call], bool]:
    def exists(asked: Asked, call: Call) -> bool:
        deals = _deals(asked, call)
        found = ([deal for deal in deals if deal["outcome"] == "open"] if outcome == "open"
                 else closed_in(deals, outcome, asked_range(asked, call), asked))  # fmt: skip
        return any(deal["amount"] is None for deal in found)

    return exists


def _shown(asked: Asked, call: Call) -> list[Deal]:
    days, deals = asked_range(asked, call), _deals(asked, call)
    shown = [deal for outcome in ("won", "lost") for deal in closed_in(deals, outcome, days, asked)]
    return shown + [deal for deal in deals if deal["outcome"] == "open"]


def _disagrees(asked: Asked, call: Call) -> bool:
    return any(deal["stage_known"] and deal["outcome"] != deal["by_properties"] for deal in _shown(asked, call))


def _undated(asked: Asked, call: Call) -> bool:
    won, lost = BASES[call.get("date_basis", "closedate")]
    return any(deal[won if deal["outcome"] == "won" else lost] is None
               for deal in _deals(asked, call) if deal["outcome"] != "open")  # fmt: skip


def _is_offline(asked: Asked, call: Call) -> bool:
    won = closed_in(_deals(asked, call), "won", asked_range(asked, call), asked)
    return any(deal["attributed_source"] == "OFFLINE" for deal in won)


def _starts_before_the_window(asked: Asked, call: Call) -> bool:
    return any(each.moments(asked.zone)[0] < SINCE for each in _ranges(asked, call))


def _leads(asked: Asked, call: Call) -> Mapping[str, Any]:
    return ORACLES["lead_report"](asked, call)["summary"]


def _is_unknown_when(asked: Asked, call: Call) -> bool:
    return any(None in each.entries.values() for each in source_of(asked, call).contacts)


def _is_seen(asked: Asked, call: Call) -> bool:
    """Say whether an entry in the range is known only from what was read."""
    start, end = asked_range(asked, call).moments(asked.zone)
    return any(
        at is not None and start <= at < end
        and not any(contact.properties.get(name) for name in (f"hs_v2_date_entered_{stage}",
                                                              f"hs_lifecyclestage_{stage}_date"))
        for contact in source_of(asked, call).contacts for stage, at in contact.entries.items()
    )  # fmt: skip


def _always(_asked: Asked, _call: Call) -> bool:
    return True


DOUBTS: Mapping[str, Doubt] = {
    "currencies": Doubt("which are not added up", _currencies),
    "bare_days": Doubt("dated with a bare day", _bare_days),
    "won_without_amount": Doubt("in the range ha", _without_amount("won")),
    "open_without_amount": Doubt(" no amount", _without_amount("open")),
    "disagreements": Doubt("marked otherwise by HubSpot's own properties", _disagrees),
    "undated": Doubt("in no period", _undated),
    "labels": Doubt(
        "a pipeline or stage that HubSpot has no name for",
        lambda asked, call: any(not deal["stage_known"] for deal in _shown(asked, call)),
    ),
    "offline_deals": Doubt("nobody can tell what brought them", _is_offline),
    "coverage": Doubt("The range starts before what was read", _starts_before_the_window),
    "as_of": Doubt("rebuilt from the versions", lambda _, call: "as_of" in call),
    "only_some": Doubt("Only ", lambda _, call: "outcome" in call),
    "filters_lifted": Doubt("that the configured filters leave out are counted", _always),
    "offline": Doubt("may be old acquaintances", lambda asked, call: _leads(asked, call)["offline"] > 0),
    "maturing": Doubt(
        "The cohort is still maturing", lambda asked, call: bool(_leads(asked, call)["cohort"]["still_maturing"])
    ),
    "followed": Doubt("Both cohorts are followed equally long", _always),
    "unknown_dates": Doubt("it is not known when they entered a stage", _is_unknown_when),
    "seen": Doubt("dated by the first version of the contact", _is_seen),
}
