"""The place of a figure in a lead report: which contacts it is made of, and its value there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.leads.rows import ENTRIES, JUDGED, STEP_DAYS
from coppermind_pipeline.wording import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """What a figure is.

    Attributes:
        path: within the report's part; {stage} stands for a stage's internal name, {step} for the number of a step.
        contacts, rows: the statement that the report counts these contacts by, and its rows; `condition`: which.
        now_alone: of what leaks now, which an earlier range says nothing of; `of_all`: there is none of a group.
    """

    path: str
    definition: str
    contacts: str = JUDGED
    rows: str = "judged"
    condition: str = "true"
    now_alone: bool = False
    of_all: bool = False


_CREATED = "Contacts that were created in the range"
_FIGURES = (
    _Figure(path="new_contacts", definition=f"{_CREATED}."),
    _Figure(path="offline", definition=f"{_CREATED}, whose source is Offline.", condition="source = :offline"),
    _Figure(path="cohort.n", definition=f"{_CREATED}."),
    _Figure(
        path="cohort.reached.{stage}.contacts",
        definition=f"{_CREATED} and reached this stage or a later one.",
        condition="place >= :figure_place",
    ),
    _Figure(
        path="cohort.reached.{stage}.rate",
        definition=f"{_CREATED}: how many of them reached this stage or a later one.",
    ),
    _Figure(
        path="cohort.undated.{stage}",
        definition=f"{_CREATED} and reached this stage, nobody knows when.",
        condition="place < :figure_place AND undated_place >= :figure_place",
    ),
    *(
        _Figure(path=f"{part}.{figure}", definition=definition, condition=condition, now_alone=True)
        for part, what in (
            ("disqualified", "have a disqualifying lead status"),
            ("postponed", "have the lead status BAD_TIMING"),
            ("stuck", "are stuck: unchanged for 90 days, early in the funnel, in no open deal"),
        )
        for figure, definition, condition in (
            ("leads", f"Leads that were created in the range and {what}.", f"leak = '{part}'"),
            ("of", "Leads that were created in the range.", "is_one"),
            ("rate", f"Leads that were created in the range: how many of them {what}.", "is_one"),
        )
    ),
    _Figure(
        path="entered.{stage}",
        definition="Contacts that entered this stage in the range, whenever they were created.",
        contacts=ENTRIES,
        rows="entry",
        condition="stage = :figure_stage AND dated_at IS NOT NULL",
    ),
    _Figure(
        path="entered_unknown.{stage}",
        definition="Contacts that have been in this stage, nobody knows since when.",
        contacts=ENTRIES,
        rows="entry",
        condition="stage = :figure_stage AND dated_at IS NULL",
        now_alone=True,
        of_all=True,
    ),
    *(
        _Figure(
            path=f"median_days.{{step}}.{figure}",
            definition=f"{_CREATED}, with the dates of both stages: {what}.",
            contacts=STEP_DAYS,
            rows="step",
            condition=f"place = :figure_place AND {condition}",
        )
        for figure, what, condition in (
            ("median_days", "the median of the days between them", "days >= 0"),
            ("contacts", "how many", "days >= 0"),
            ("backwards", "how many entered the later stage before the earlier one", "days < 0"),
        )
    ),
)

_PLACE = re.compile(r"(?P<part>summary|groups\.(?P<group>\d{1,4}))\.(?P<earlier>compared_with\.)?(?P<figure>.+)")
_NAMED = {r"\{stage\}": r"(?P<stage>[^.]+)", r"\{step\}": r"(?P<step>[0-3])"}


def _pattern(path: str) -> re.Pattern[str]:
    pattern = re.escape(path)
    for name, found in _NAMED.items():
        pattern = pattern.replace(name, found)
    return re.compile(pattern)


_BY_PATH = [(_pattern(each.path), each) for each in _FIGURES]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPlace:
    """Where a figure stands.

    Attributes:
        path: within its part of the report.
        contacts, rows, condition: which contacts it is made of, as SQL of ours.
        stage, step: what the condition binds: a stage's internal name; its place in the funnel, or that of a step.
        group: number of the group, from 0; None: of all contacts.
        earlier: of the range that the report compares with.
    """

    path: str
    definition: str
    contacts: str
    rows: str
    condition: str
    stage: str | None
    step: int | None
    group: int | None
    earlier: bool

    def value_in(self, report_or_group: Mapping[str, Any] | None) -> Any:
        """Return the figure in a report as data, or in its group; None where there is none."""
        if report_or_group is None:
            return None
        value: Any = report_or_group if self.group is not None else report_or_group["summary"]
        for name in ("compared_with", *self.path.split(".")) if self.earlier else self.path.split("."):
            if isinstance(value, Sequence):
                value = value[int(name)]
            elif value is not None:
                value = value.get(name)
        # A stage that nobody entered is not listed.
        return 0 if value is None and self.path.startswith(("entered.", "entered_unknown.")) else value


def lead_place_of(path: str) -> LeadPlace:
    """Return the place that a path names; raises ReportArgumentError where no figure that can be explained is there."""
    found = _PLACE.fullmatch(path)
    if found is None:
        raise _no_figure(path)
    for pattern, figure in _BY_PATH:
        matched = pattern.fullmatch(found["figure"])
        if matched is None:
            continue
        group, earlier = found["group"], found["earlier"] is not None
        # Groups stand beside no earlier range.
        if (earlier and (figure.now_alone or group is not None)) or (figure.of_all and group is not None):
            continue
        named = matched.groupdict()
        stage, step = named.get("stage"), named.get("step")
        if figure.rows == "judged" and stage is not None:
            if stage not in FUNNEL_STAGES:
                continue
            step = FUNNEL_STAGES.index(stage) + 1
        return LeadPlace(
            path=found["figure"],
            definition=figure.definition,
            contacts=figure.contacts,
            rows=figure.rows,
            condition=figure.condition,
            stage=stage,
            step=None if step is None else int(step),
            group=None if group is None else int(group),
            earlier=earlier,
        )
    raise _no_figure(path)


def _no_figure(path: str) -> ReportArgumentError:
    known = [f"summary.{each.path}".replace("{stage}", "lead").replace("{step}", "0") for each in _FIGURES]
    return ReportArgumentError(
        f"No figure of a lead report that can be explained is at {path!r}.",
        hint=did_you_mean(path, known, otherwise=f"There are {', '.join(known)}; of a group groups.0.new_contacts."),
    )
