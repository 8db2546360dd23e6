"""The questions as `questions.toml` has them, each asked of a portal's mind, and its answer beside the oracle's."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import connectors_tool
from coppermind_pipeline.reports import GroupBy, LeadGroupBy, memory_tool
from coppermind_pipeline_tests.questions.doubts import DOUBTS
from coppermind_pipeline_tests.questions.oracle import ORACLES
from coppermind_pipeline_tests.questions.portals import NOW, Asked
from coppermind_pipeline_tests.questions.source import Source

_KEYS = ("key", "theme", "step", "mind", "metric", "from_stage")
_REST = ("other", "(other)")


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and the call that answers it, as `questions.toml` describes them."""

    id: str
    topic: str
    asks: str
    call: str
    at: Sequence[str]
    doubts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered at each place, and what should have been; the question and the call with this portal's names.

    Attributes:
        labels: what the answer calls its groups.
        flagged: doubts that the answer's caveats tell of.
        wrongly_flagged: those that they should tell of and don't, or should not and do.
    """

    question: Question
    portal: str
    asks: str
    call: str
    told: Mapping[str, Any]
    expected: Mapping[str, Any]
    labels: Mapping[str, str]
    flagged: Sequence[str]
    wrongly_flagged: Sequence[str]

    @property
    def is_exact(self) -> bool:
        return self.told == self.expected and not self.wrongly_flagged


@cache
def questions() -> Sequence[Question]:
    document = tomllib.loads(Path(__file__).with_name("questions.toml").read_text())
    return tuple(Question(**each) for each in document["question"])


@cache
def groupings() -> Sequence[Question]:
    """Return what is asked beside the questions: this year's figures by everything that reports are grouped by."""
    return tuple(
        Question(
            id=f"{action}_by_{by}",
            topic="Groupings",
            asks=f"What is the {action} by {by}?",
            call=f"memory action={action} period=this_year group_by={by}",
            at=[f"groups.*.{figure}" for figure in _OF_SOME.get((action, by), _OF_GROUPS[action])],
            doubts=[],
        )
        for action, ways in (("crm_report", GroupBy), ("lead_report", LeadGroupBy))
        for by in ways
    )  # fmt: skip


# Of losses won deals are no part, and an answer may have no room for more of each month.
_OF_SOME: Mapping[tuple[str, str], Sequence[str]] = {
    ("crm_report", GroupBy.LOSS_THEME): ("closed_lost.deals", "closed_lost.amounts"),
    ("crm_report", GroupBy.LOSS_REASON): ("closed_lost.deals", "closed_lost.amounts"),
    ("crm_report", GroupBy.MONTH): ("closed_won.deals", "closed_won.amounts"),
}
_OF_GROUPS = {
    "crm_report": ("closed_won.deals", "closed_won.amounts", "closed_won.without_amount", "closed_lost.deals",
                   "open.deals", "open.amounts", "overdue.deals", "pipeline_created.deals", "win_rate",
                   "median_days_to_close", "weighted_pipeline"),
    "lead_report": ("new_contacts", "offline", "entered.marketingqualifiedlead", "entered.customer",
                    "cohort.reached.opportunity.contacts", "disqualified.leads", "postponed.leads", "stuck.leads",
                    "stuck.of"),
}  # fmt: skip


async def answers(asked: Asked, to: Sequence[Question] | None = None) -> list[Answered]:
    """Ask questions of a portal's mind, by default all of them."""
    names = {"mind": asked.name, **_company(asked)}
    names["answer_id"] = (await _answer(asked, "memory", {"action": "crm_report", "period": "this_year"}))["audit"][
        "answer_id"
    ]
    return [await _answered(asked, question, names) for question in (questions() if to is None else to)]


async def _answered(asked: Asked, question: Question, names: Mapping[str, str]) -> Answered:
    tool, arguments = parsed(_filled(question.call, names))
    answer = await _answer(asked, tool, arguments)
    action = arguments["action"]
    expected = ORACLES[action](asked, {key: value for key, value in arguments.items() if key != "action"})
    told, should = {}, {}
    for place in question.at:
        path = _filled(place, names)
        told[place] = found_at(answer, path)
        should[place] = _as_shown(found_at(expected, path), told[place], adds_up=path.split(".")[-1] not in _NO_SUMS)
    caveats = answer["audit"]["caveats"] if question.doubts else []
    flags = {code: any(DOUBTS[code].words in caveat for caveat in caveats) for code in question.doubts}
    exist = {code: DOUBTS[code].exists(asked, arguments) for code in question.doubts}
    return Answered(
        question=question,
        portal=asked.name,
        asks=_filled(question.asks, names),
        call=_filled(question.call, {**names, "answer_id": "ANSWER_ID"}),
        told=told,
        expected=should,
        labels={name: each["label"] for name, each in _named(answer.get("groups", []))},
        flagged=[code for code, is_said in flags.items() if is_said],
        wrongly_flagged=[code for code in question.doubts if flags[code] != exist[code]],
    )


def parsed(call: str) -> tuple[str, dict[str, Any]]:
    """Return the tool of a call, and its arguments, each as an assistant gives it."""
    tool, *given = shlex.split(call)
    arguments = dict(each.split("=", 1) for each in given)
    return tool, {name: True if value == "true" else value for name, value in arguments.items()}


async def _answer(asked: Asked, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    caller = local_caller(asked.database)
    if tool == "connectors":
        made = await connectors_tool(asked.database, asked.connected.settings, caller, now=NOW, mind=asked.name,
                                     callback_listening=False, **arguments)  # fmt: skip
    else:
        made = await memory_tool(asked.database, mind=asked.mind, caller=caller, now=NOW, **arguments)
    return made.model_dump(mode="json")


def _filled(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], text)


def _company(asked: Asked) -> Mapping[str, str]:
    """Return the company that questions are about: the one with most deals, of those whose name no other has."""
    if asked.made.company is not None:
        return {"company": asked.made.company}
    source = Source(asked, asked.after)
    names = [source.live[key].properties.get("name", "") for key in source.stored if key[0] == "companies"]
    deals = [deal["primary_company_id"] for deal in source.deals if deal["primary_company_id"] is not None]
    ranked = sorted({*deals}, key=lambda company: (-deals.count(company), int(company)))
    called = (source.live["companies", company].properties.get("name", "") for company in ranked)
    return {"company": next(name for name in called if names.count(name) == 1)}


def found_at(answer: Any, path: str) -> Any:
    """Return what an answer has at a path, numbers as numbers; None where it has nothing there.

    `*` stands for each of what is named there, by its name; `[]` for each of a list; what has dots is in brackets.
    """
    return _found(answer, [each.strip("[]") if len(each) > 2 else each for each in _STEPS.findall(path)])


_STEPS = re.compile(r"\[[^\]]*\]|[^.]+")


def _found(answer: Any, steps: Sequence[str]) -> Any:
    if not steps or answer is None:
        return _plain(answer)
    step, *rest = steps
    if step == "[]":
        return [_found(each, rest) for each in answer]
    if step.isdecimal():
        return _found(answer[int(step)] if int(step) < len(answer) else None, rest)
    named = dict(_named(answer)) if isinstance(answer, list) else answer
    if step == "*":
        return {name: _found(each, rest) for name, each in named.items()}
    return _found(named.get(step), rest)


def _named(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield each entry of a list by the name that it has there; some have none."""
    for each in entries:
        if (name := next((each[key] for key in _KEYS if each.get(key) is not None), None)) is not None:
            yield name, each


def _plain(value: Any) -> Any:
    """Return sums of money by currency, and numbers in texts, as numbers."""
    if isinstance(value, list) and all(isinstance(each, dict) and "currency" in each for each in value):
        return {each["currency"]: Decimal(each["amount"]) for each in value}
    if isinstance(value, dict) and value.keys() == {"currency", "amount"}:
        return {value["currency"]: Decimal(value["amount"])}
    if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value):
        return Decimal(value)
    return value


# A rate of the rest is of its own deals, and what is weighted is rounded once.
_NO_SUMS = ("win_rate", "median_days_to_close", "weighted_pipeline")


def _as_shown(expected: Any, told: Any, *, adds_up: bool) -> Any:
    """Add up what the answer adds up as the rest of its groups; of a list, return what its page has, in its order."""
    if isinstance(expected, list) and isinstance(told, list):
        page = [each for each in told if each in expected]
        return page if page or not expected else expected
    rest = next((name for name in _REST if isinstance(told, Mapping) and name in told), None)
    if rest is None or not isinstance(expected, Mapping) or rest in expected:
        return expected
    shown = {name: expected[name] for name in told if name in expected}
    if not adds_up:
        return {**shown, rest: told[rest]}
    left = [value for name, value in expected.items() if name not in told]
    if any(isinstance(value, Mapping) for value in left):
        currencies = {currency for value in left for currency in value}
        return {**shown, rest: {c: sum((v.get(c, Decimal(0)) for v in left), Decimal(0)) for c in currencies}}
    return {**shown, rest: sum(left)}
