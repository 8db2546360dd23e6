"""A lead report that fits into an answer: with as much of its groups as there is room for."""

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports.leads.models import LeadGroup, LeadReport
from coppermind_pipeline.reports.leads.report import lead_report
from coppermind_pipeline.reports.leads.request import LeadGroupBy, LeadRequest
from coppermind_pipeline.store import Database

_GROUPS_MAX = 10
_FEWER_GROUPS = (5, 3, 1)


class _Told(IntEnum):
    """How much is told of each group, from all to its size."""

    ALL = 0
    WITHOUT_DAYS = 1
    WITHOUT_COHORT = 2
    SIZE = 3


def fitting_lead_report(
    database: Database, *, mind: Mind, request: LeadRequest, now: datetime, fits: Callable[[LeadReport], bool]
) -> LeadReport:
    """Return the report with ten groups at most, or with every month, and less of each where it would not fit.

    Names in a portal may be hundreds of characters long: then there are fewer groups, whatever is told of them.
    """
    wanted = request.model_copy(update={"groups_max": min(request.groups_max, _GROUPS_MAX)})
    report = lead_report(database, mind=mind, request=wanted, now=now)
    shorter = (_with_less(report, told) for told in _Told)
    found = next((each for each in shorter if fits(each)), None)
    if found is not None or request.group_by is LeadGroupBy.MONTH:
        # Decades of months: the latest ones are what is asked about.
        return found or _latest_months(report, fits)
    for groups_max in _FEWER_GROUPS:
        fewer = wanted.model_copy(update={"groups_max": min(wanted.groups_max, groups_max)})
        report = _with_less(lead_report(database, mind=mind, request=fewer, now=now), _Told.SIZE)
        if fits(report):
            break
    return report


def _with_less(report: LeadReport, told: _Told) -> LeadReport:
    return report.model_copy(update={"groups": [_shortened(group, told) for group in report.groups]})


def _shortened(group: LeadGroup, told: _Told) -> LeadGroup:
    left_out: list[str] = []
    if told >= _Told.WITHOUT_DAYS:
        left_out += ["median_days"]
    if told >= _Told.WITHOUT_COHORT:
        left_out += ["cohort", "disqualified", "postponed", "stuck"]
    if told >= _Told.SIZE:
        left_out += ["entered"]
    return group.model_copy(update=dict.fromkeys(left_out))


def _latest_months(report: LeadReport, fits: Callable[[LeadReport], bool]) -> LeadReport:
    shortest = _with_less(report, _Told.SIZE)
    groups = shortest.groups
    while groups and not fits(shortest.model_copy(update={"groups": groups})):
        groups = groups[max(len(groups) // 10, 1) :]
    dropped = len(shortest.groups) - len(groups)
    said = f"The first {dropped} months are left out, for want of room; ask for a shorter range."
    audit = report.audit.model_copy(update={"caveats": [said, *report.audit.caveats]})
    return shortest.model_copy(update={"groups": groups, "audit": audit})
