"""The tables of a lead report, as markdown and HTML both show them, and its figures as columns of a CSV."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports.leads.measures import LeadFigures, LeadRangeFigures, Part, Step
from coppermind_pipeline.reports.leads.models import LeadGroup, LeadReport
from coppermind_pipeline.reports.rendering.document import PlainTable
from coppermind_pipeline.wording import as_words, capitalized, number, report_percent

NOTHING = "\N{EN DASH}"


def lead_tables(report: LeadReport) -> list[PlainTable]:
    """Return the tables that have rows: the funnel, steps, leaks, the earlier range, groups."""
    summary, labels = report.summary, report.summary.stage_labels
    found = [
        _funnel("Funnel", summary, labels),
        _steps("Days from stage to stage", summary.median_days, labels),
        _leaks(summary),
        *([_funnel("Funnel of the earlier range", earlier, labels),
           _steps("Days from stage to stage in the earlier range", earlier.median_days, labels)]
          if (earlier := summary.compared_with) is not None else []),
        _groups(report),
        _entered_by_group(report),
        _steps_by_group(report),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def lead_columns(report: LeadReport) -> list[dict[str, Any]]:
    """Return one row of plain values per group, or one for all contacts; each names the range and what it is of.

    What the report does not tell of its groups has no column. Those of the earlier range come last, as
    "earlier_new_contacts".
    """
    named = [(group.label, group) for group in report.groups] or [("All contacts", report.summary)]
    synced = report.trust.last_successful_sync
    about = {
        "range_start": report.period.start.isoformat(),
        "range_end": report.period.end.isoformat(),
        "timezone": report.period.timezone,
        "date_basis": report.period.date_basis,
        "synced_at": None if synced is None else synced.isoformat(),
    }
    stages = list(report.summary.entered)
    earlier = {} if report.groups or report.summary.compared_with is None else {
        f"earlier_{column}": then for column, then in _flat(report.summary.compared_with, stages).items()
    }  # fmt: skip
    return [{"mind": report.trust.mind, "group": label} | _identity(figures) | _flat(figures, stages) | earlier | about
            for label, figures in named]  # fmt: skip


def _identity(figures: LeadFigures) -> dict[str, Any]:
    """Return the columns that tell groups of one name apart, as the deal report's spreadsheet has them."""
    if not isinstance(figures, LeadGroup):
        return {}
    return {"key": figures.key, "portal_id": figures.portal_id, "connector_id": figures.connector_id}


def _flat(figures: LeadRangeFigures, stages: Sequence[str]) -> dict[str, Any]:
    """Return figures as columns, one for each stage ("entered_lead", "reached_lead"); of a group, those it tells."""
    untold = figures.untold if isinstance(figures, LeadGroup) else frozenset()
    return {column: value for name, columns in _columns(figures, stages).items() if name not in untold
            for column, value in columns.items()}  # fmt: skip


def _columns(figures: LeadRangeFigures, stages: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the columns of each figure by its name."""
    reached = figures.cohort.reached
    steps = {step.to_stage: step for step in figures.median_days}
    columns: dict[str, dict[str, Any]] = {
        "new_contacts": {"new_contacts": figures.new_contacts},
        "offline": {"offline": figures.offline},
        "entered": {f"entered_{stage}": figures.entered.get(stage, 0) for stage in stages},
        "cohort": {"cohort_age_days": figures.cohort.age_days},
        "median_days": {},
    }
    for stage in FUNNEL_STAGES:
        columns["cohort"] |= {f"reached_{stage}": reached[stage].contacts, f"reached_{stage}_rate": reached[stage].rate}
    for stage in FUNNEL_STAGES[1:]:
        step = steps.get(stage)
        columns["median_days"] |= {f"median_days_to_{stage}": step and step.median_days,
                                   f"median_days_to_{stage}_contacts": step and step.contacts}  # fmt: skip
    if isinstance(figures, LeadFigures):
        columns |= {name: {name: part.leads} for name, part in _parts(figures).items()}
        columns["stuck"]["leads"] = figures.stuck.of
    return columns


def _funnel(title: str, figures: LeadRangeFigures, labels: Mapping[str, str]) -> PlainTable:
    reached = figures.cohort.reached
    return PlainTable(
        title=title,
        headings=("Stage", "Entered in the range", f"Reached, of {number(figures.new_contacts)} new contacts", "Share"),
        rows=[
            (
                labels.get(stage, stage),
                number(entered),
                number(reached[stage].contacts) if stage in reached else NOTHING,
                _percent(reached[stage].rate) if stage in reached else NOTHING,
            )
            for stage, entered in figures.entered.items()
        ],
    )


def _steps(title: str, steps: Sequence[Step], labels: Mapping[str, str]) -> PlainTable:
    return PlainTable(
        title=title,
        headings=("From stage to stage", "Median days", "Contacts", "Went backwards"),
        rows=[
            (
                f"{labels.get(step.from_stage, step.from_stage)} to {labels.get(step.to_stage, step.to_stage)}",
                NOTHING if step.median_days is None else number(step.median_days),
                number(step.contacts),
                number(step.backwards),
            )
            for step in steps
        ],
    )


def _leaks(figures: LeadFigures) -> PlainTable:
    return PlainTable(
        title="Leads that leaked, as of now",
        headings=("", "Leads", "Of", "Share"),
        rows=[
            (capitalized(name), number(part.leads), number(part.of), _percent(part.rate))
            for name, part in _parts(figures).items()
        ],
    )


def _groups(report: LeadReport) -> PlainTable:
    stages = [report.summary.stage_labels.get(stage, stage) for stage in FUNNEL_STAGES]
    headings = ("New contacts", "Offline", *(f"Reached {stage}" for stage in stages),
                "Disqualified", "Postponed", "Stuck", "Of leads")  # fmt: skip
    return _of_groups(
        report,
        "",
        headings,
        lambda group: (
            number(group.new_contacts),
            number(group.offline),
            *(_with_share(group.cohort.reached[stage].contacts, group.cohort.reached[stage].rate)
              for stage in FUNNEL_STAGES),
            *(_with_share(part.leads, part.rate) for part in _parts(group).values()),
            number(group.stuck.of),
        ),
    )  # fmt: skip


def _entered_by_group(report: LeadReport) -> PlainTable:
    stages = list(report.summary.entered)
    return _of_groups(
        report,
        ": entered in the range",
        [report.summary.stage_labels.get(stage, stage) for stage in stages],
        lambda group: [number(group.entered.get(stage, 0)) for stage in stages],
    )


def _steps_by_group(report: LeadReport) -> PlainTable:
    labels = report.summary.stage_labels
    return _of_groups(
        report,
        ": median days from the stage before, and of how many contacts",
        [labels.get(stage, stage) for stage in FUNNEL_STAGES[1:]],
        lambda group: [_days_of(step) for step in group.median_days],
    )


def _of_groups(
    report: LeadReport, about: str, headings: Sequence[str], cells: Callable[[LeadGroup], Sequence[str]]
) -> PlainTable:
    by = "Portal" if report.audit.group_by is None else capitalized(as_words(report.audit.group_by))
    several = _has_portals(report)
    return PlainTable(
        title=f"By {by.lower()}{about}",
        headings=(by, *(["Portal"] if several else []), *headings),
        rows=[
            (group.label, *([str(group.portal_id)] if several else []), *cells(group)) for group in report.groups
        ],
    )  # fmt: skip


def _has_portals(report: LeadReport) -> bool:
    """Say whether groups of several portals may have one name; where portals are the groups, they don't."""
    return len(report.trust.portal_ids) > 1 and report.audit.group_by is not None


def _with_share(contacts: int, rate: str | None) -> str:
    return number(contacts) if rate is None or not contacts else f"{number(contacts)} ({_percent(rate)})"


def _days_of(step: Step) -> str:
    if step.median_days is None:
        return NOTHING if not step.backwards else f"{NOTHING} ({number(step.backwards)} backwards)"
    backwards = f", {number(step.backwards)} backwards" if step.backwards else ""
    return f"{number(step.median_days)} (of {number(step.contacts)}{backwards})"


def _parts(figures: LeadFigures) -> Mapping[str, Part]:
    return {"disqualified": figures.disqualified, "postponed": figures.postponed, "stuck": figures.stuck}


def _percent(rate: str | None) -> str:
    return NOTHING if rate is None else report_percent(Decimal(rate))
