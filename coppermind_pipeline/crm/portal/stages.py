"""Pipelines' stages: outcome, late stage, and the properties that say when a deal entered a stage."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from coppermind_pipeline.crm.values import read_boolean, read_probability, rounded_probability

Outcome = Literal["won", "lost", "open"]
StageKey = tuple[str, str]

DATE_ENTERED_PREFIX = "hs_v2_date_entered_"

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a deal pipeline; `missing` where HubSpot no longer has it and it is kept for its label."""

    pipeline_id: str
    stage_id: str
    label: str
    is_closed: bool
    probability: Decimal | None
    display_order: int
    missing: bool = False

    @property
    def outcome(self) -> Outcome:
        """What a deal in this stage came to: closed with probability 1 is won, closed otherwise lost."""
        if not self.is_closed:
            return "open"
        won = self.probability is not None and rounded_probability(self.probability) == 1
        return "won" if won else "lost"


def read_stage_metadata(metadata: Mapping[str, str | None]) -> tuple[bool, Decimal | None]:
    """Return (is_closed, probability) of a stage's `metadata`, whose values are strings.

    HubSpot asks for the probability alone when a stage is made; where `isClosed` is absent, 0 and 1 mean closed.
    Source: HubSpot, pipelines guide.
    """
    probability = read_probability(str(metadata.get("probability") or ""))
    is_closed = read_boolean(str(metadata.get("isClosed") or ""))
    if is_closed is None:
        is_closed = probability in {Decimal(0), Decimal(1)}
    return is_closed, probability


def recorded_outcome(*, is_closed_won: bool | None, is_closed: bool | None) -> Outcome:
    """Return what a deal's own properties say; decisive only where its stage no longer exists."""
    if is_closed_won:
        return "won"
    return "lost" if is_closed else "open"


def contradicts(outcome: Outcome, *, is_closed_won: bool | None, is_closed: bool | None) -> bool | None:
    """Say whether a deal's own properties disagree with its stage; None where it has neither property."""
    if is_closed_won is None and is_closed is None:
        return None
    return (is_closed_won is not None and is_closed_won != (outcome == "won")) or (
        is_closed is not None and is_closed != (outcome != "open")
    )


def late_stages(stages: Iterable[Stage], *, threshold: Decimal) -> frozenset[StageKey]:
    """Return the open stages that count as late.

    Those with a probability of at least the threshold; in a pipeline whose open stages all have the same probability or
    none, which therefore says nothing, its last two.
    """
    pipelines: defaultdict[str, list[Stage]] = defaultdict(list)
    for stage in stages:
        if not stage.is_closed and not stage.missing:
            pipelines[stage.pipeline_id].append(stage)
    late: set[StageKey] = set()
    for open_stages in pipelines.values():
        if len(open_stages) > 1 and len({_rounded(stage) for stage in open_stages}) == 1:
            chosen = sorted(open_stages, key=lambda stage: (stage.display_order, stage.stage_id))[-2:]
        else:
            chosen = [s for s in open_stages if (p := _rounded(s)) is not None and p >= threshold]
        late.update((stage.pipeline_id, stage.stage_id) for stage in chosen)
    return frozenset(late)


def entered_properties(stage_id: str, defined: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names under which a deal may say when it entered the stage.

    HubSpot appends the stage's id to `hs_v2_date_entered_`; property names are lower case and know no punctuation, so
    that other ids are changed, and some get a number appended. `defined` are the names that the portal defines.
    """
    lowered = stage_id.lower()
    plain = DATE_ENTERED_PREFIX + _NOT_IN_A_NAME.sub("_", lowered)
    names = dict.fromkeys((DATE_ENTERED_PREFIX + stage_id, DATE_ENTERED_PREFIX + lowered, plain))
    if not stage_id.isdecimal() and not any(name in defined for name in names):
        numbered = re.compile(re.escape(plain) + r"_[0-9]+")
        names.update(dict.fromkeys(sorted(name for name in defined if numbered.fullmatch(name))))
    return tuple(names)


def won_stage_properties(stages: Iterable[Stage], defined: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of all properties that say when a deal entered a won stage, to be asked for with each deal.

    Where the portal's definitions are known (`defined` is not empty) only names that it defines are returned.
    """
    names = {name for stage in stages if stage.outcome == "won" for name in entered_properties(stage.stage_id, defined)}
    return tuple(sorted(name for name in names if not defined or name in defined))


def _rounded(stage: Stage) -> Decimal | None:
    return None if stage.probability is None else rounded_probability(stage.probability)
