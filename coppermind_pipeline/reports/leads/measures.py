"""The figures of a lead report: added up from the store's cells, and as they are shown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from coppermind_pipeline.crm import FUNNEL_STAGES, day_of
from coppermind_pipeline.reports.figures.measures import Days
from coppermind_pipeline.reports.leads.contacts import CreatedCell, EnteredCell, StepDays

MATURE_AFTER_DAYS = 90
# Of fewer leads a share is an anecdote; as in synthesis.
_LEADS_MIN_FOR_A_RATE = 10
_RATE = Decimal("0.0001")


class Reached(BaseModel):
    """Contacts that reached a stage of the funnel, it or a later one; `rate` of the cohort, 4 digits."""

    model_config = ConfigDict(frozen=True)

    contacts: int
    rate: str | None


class Cohort(BaseModel):
    """What became of the contacts that were created in the range.

    `age_days`: calendar days since the youngest was created; under 90 the cohort is `still_maturing`. `followed_until`:
    None where everything counts that is known now; an earlier cohort is followed until it was as old as the later one.
    `undated`: by stage, contacts that reached it, nobody knows when, and count nowhere in a cohort that is followed so.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    age_days: int | None
    still_maturing: bool | None
    followed_until: datetime | None
    reached: dict[str, Reached]
    undated: dict[str, int] | None


class Step(BaseModel):
    """From one stage of the funnel to the next: the median of calendar days, and of how many contacts.

    `backwards`: contacts that entered the later stage before the earlier one; they are left out.
    """

    model_config = ConfigDict(frozen=True)

    from_stage: str
    to_stage: str
    median_days: int | float | None
    contacts: int
    backwards: int


class Part(BaseModel):
    """Leads of one kind, of how many; no rate of less than ten."""

    model_config = ConfigDict(frozen=True)

    leads: int
    of: int
    rate: str | None


class LeadRangeFigures(BaseModel):
    """What happened within a range, whenever one asks; `offline` are those of the new contacts whose source is that."""

    model_config = ConfigDict(frozen=True)

    new_contacts: int
    offline: int
    entered: dict[str, int]
    cohort: Cohort
    median_days: list[Step]


class LeadFigures(LeadRangeFigures):
    """All figures of a report or of one of its groups; the last three as of now."""

    disqualified: Part
    postponed: Part
    stuck: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the figures are worked out by, beside the cells.

    Attributes:
        clock: what ages are reckoned to.
        stages: the portals' own stages, in their order, in which `entered` lists them.
        followed_until: of a cohort that is not followed until now.
    """

    clock: datetime
    zone: ZoneInfo
    stages: Sequence[str]
    followed_until: datetime | None = None


def figures_of(
    created: Sequence[CreatedCell], entered: Iterable[EnteredCell], steps: StepDays, setting: Setting
) -> LeadFigures:
    """Add up the cells of a report or of one group."""
    leads = sum(cell.leads for cell in created)
    contacts = sum(cell.contacts for cell in created)
    return LeadFigures(
        new_contacts=contacts,
        offline=sum(cell.offline for cell in created),
        entered=_entered(entered, setting.stages),
        cohort=_cohort(created, contacts, setting),
        median_days=_steps(steps),
        disqualified=_part(sum(cell.disqualified for cell in created), leads),
        postponed=_part(sum(cell.postponed for cell in created), leads),
        stuck=_part(sum(cell.stuck for cell in created), leads),
    )


def range_figures_of(
    created: Sequence[CreatedCell], entered: Iterable[EnteredCell], steps: StepDays, setting: Setting
) -> LeadRangeFigures:
    """Add up the cells of an earlier range: what leaks now says nothing about it."""
    figures = figures_of(created, entered, steps, setting)
    return LeadRangeFigures(**{name: getattr(figures, name) for name in LeadRangeFigures.model_fields})


def unknown_dates(entered: Iterable[EnteredCell]) -> dict[str, int]:
    """Return, by stage, the contacts that have been in it, nobody knows since when."""
    counts: Counter[str] = Counter()
    for cell in entered:
        if not cell.dated:
            counts[cell.stage] += cell.contacts
    return dict(sorted(counts.items()))


def rate_of(part: int, whole: int) -> str | None:
    """Return a share with 4 digits; None of nothing."""
    return str((Decimal(part) / Decimal(whole)).quantize(_RATE, ROUND_HALF_UP)) if whole else None


def _entered(cells: Iterable[EnteredCell], stages: Sequence[str]) -> dict[str, int]:
    """Return the five of the funnel always, others where anybody entered them: in the portals' order."""
    counts: Counter[str] = Counter(dict.fromkeys(FUNNEL_STAGES, 0))
    for cell in cells:
        if cell.dated:
            counts[cell.stage] += cell.contacts
    order = {stage: place for place, stage in enumerate(dict.fromkeys((*FUNNEL_STAGES, *stages)))}
    return dict(sorted(counts.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def _cohort(cells: Sequence[CreatedCell], contacts: int, setting: Setting) -> Cohort:
    youngest = max((cell.youngest for cell in cells), default=None)
    until = setting.followed_until or setting.clock
    age = None if youngest is None else max((day_of(until, setting.zone) - day_of(youngest, setting.zone)).days, 0)
    reached = [sum(cell.reached[place] for cell in cells) for place in range(len(FUNNEL_STAGES))]
    undated = [sum(cell.undated[place] for cell in cells) for place in range(len(FUNNEL_STAGES))]
    return Cohort(
        n=contacts,
        age_days=age,
        still_maturing=None if age is None else age < MATURE_AFTER_DAYS,
        followed_until=setting.followed_until,
        reached={stage: Reached(contacts=got, rate=rate_of(got, contacts))
                 for stage, got in zip(FUNNEL_STAGES, reached, strict=True)},
        undated=None if setting.followed_until is None else dict(zip(FUNNEL_STAGES, undated, strict=True)),
    )  # fmt: skip


def _steps(steps: StepDays) -> list[Step]:
    return [
        Step(
            from_stage=FUNNEL_STAGES[place],
            to_stage=FUNNEL_STAGES[place + 1],
            median_days=_days(days.median),
            contacts=days.onwards,
            backwards=days.negative,
        )
        for place in range(len(FUNNEL_STAGES) - 1)
        for days in [steps.get(place, Days())]
    ]


def _days(median: float | None) -> int | float | None:
    return int(median) if median is not None and median.is_integer() else median


def _part(leads: int, of: int) -> Part:
    return Part(leads=leads, of=of, rate=rate_of(leads, of) if of >= _LEADS_MIN_FOR_A_RATE else None)
