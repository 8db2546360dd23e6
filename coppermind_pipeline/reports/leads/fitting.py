"""What a lead report leaves out where it would not fit into an answer, in which order, and how it says so."""

from collections.abc import Callable

from coppermind_pipeline.reports.leads.groups import GroupCells, LeadGroup, added_up, group_of
from coppermind_pipeline.reports.leads.models import LeadReport, PlacedLeadReport
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.reports.sizing.cursors import GoesOn, Question
from coppermind_pipeline.reports.sizing.cutting import Answer, LeftOut, cut_to_fit
from coppermind_pipeline.reports.sizing.groups import (
    answer_id_of,
    figures_left_out,
    groups_left_out,
    with_fewer_groups,
    with_less_told,
)
from coppermind_pipeline.reports.sizing.long_texts import TEXT_CHARS_MAX, with_short_texts
from coppermind_pipeline.wording import as_words

# What goes from each group, first things first; how many new contacts it has always stays.
_OF_A_GROUP = (frozenset({"median_days"}), frozenset({"cohort", "disqualified", "postponed", "stuck"}))
_OF_A_MONTH = (frozenset({"label", "portal_id"}), frozenset({"entered", "offline"}))


def fitting_lead_report(
    report: PlacedLeadReport,
    question: Question,
    goes_on: GoesOn | None,
    *,
    made: Callable[[LeadReport], Answer],
    fits: Callable[[Answer], bool],
) -> Answer:
    """Return what is made of as much of a report as fits, with a cursor to the rest of its groups."""
    return cut_to_fit(report, _CUTS, made=lambda cut: made(_noted(report, cut, question, goes_on)), fits=fits)


def _short_labels(report: PlacedLeadReport) -> PlacedLeadReport | None:
    shorter = report.model_copy(update={"groups": with_short_texts(report.groups)})
    return None if shorter == report else shorter


def _less_of_groups(report: PlacedLeadReport) -> PlacedLeadReport | None:
    return with_less_told(report, _OF_A_GROUP)


def _less_of_months(report: PlacedLeadReport) -> PlacedLeadReport | None:
    if report.audit.group_by is not LeadGroupBy.MONTH:
        return None
    of_one_portal = len({group.connector_id for group in report.groups}) == 1
    return with_less_told(report, (*_OF_A_MONTH, *([frozenset({"connector_id"})] if of_one_portal else [])))


def _fewer_groups(report: PlacedLeadReport) -> PlacedLeadReport | None:
    def told_like(cells: GroupCells, group: LeadGroup) -> LeadGroup:
        del group
        return group_of(cells, report.setting)

    return with_fewer_groups(report, added_up=added_up, group_of=told_like)


_CUTS = (_short_labels, _less_of_groups, _less_of_months, _fewer_groups)


def _noted(whole: PlacedLeadReport, cut: PlacedLeadReport, question: Question, goes_on: GoesOn | None) -> LeadReport:
    """Return the cut report with a word about each part that is not in it."""
    by = cut.audit.group_by
    left_out = [
        *figures_left_out(cut, of_each="group" if by is None else as_words(by)),
        *groups_left_out(cut, question, None if goes_on is None else goes_on.after),
    ]
    own = {group.label for group, place in zip(cut.groups, cut.group_places, strict=True) if place is not None}
    if not own <= {group.label for group in whole.groups}:
        said = f"Names of more than {TEXT_CHARS_MAX} characters are cut."
        left_out.append(LeftOut(part="names", said=said))
    noted = cut.audit.model_copy(update={"left_out": left_out, "answer_id": answer_id_of(whole, cut)})
    return cut.model_copy(update={"audit": noted})
