"""What a CRM report leaves out where it would not fit into an answer, in which order, and how it says so.

Trust, caveats and the summary always stay; so does every month, told in fewer figures. What is left out is left out
whole: no figure is another one for it.
"""

from collections.abc import Callable, Iterable
from functools import partial

from coppermind_pipeline.reports.figures.groups import Group, GroupCells, added_up, group_of
from coppermind_pipeline.reports.figures.losses import LossTheme, MoreReasons
from coppermind_pipeline.reports.models import CrmReport, DealPage, PlacedReport
from coppermind_pipeline.reports.question.places import DealPlace
from coppermind_pipeline.reports.question.request import GroupBy
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
from coppermind_pipeline.wording import as_words, count, number

# Rows that are worth more than the reasons of losses and the groups' largest deals.
_ROWS_WORTH_MORE = 5
_REASONS_OF_A_THEME = 3
_TOP_DEALS = frozenset({"top_deals"})
# What goes from each month of a long series, first things first; their count and worth, won, always stays.
_OF_A_MONTH = (
    frozenset({"closed_before_created", "median_days_to_close", "average_deal"}),
    frozenset({"overdue", "weighted_pipeline", "open", "pipeline_created"}),
    frozenset({"compared_with"}),
    frozenset({"label", "portal_id"}),
    frozenset({"win_rate", "closed_lost"}),
    frozenset({"closed_won.without_amount", "closed_won.amount_home"}),
)


def fitting_crm_report(
    report: PlacedReport,
    question: Question,
    goes_on: GoesOn | None,
    *,
    made: Callable[[CrmReport], Answer],
    fits: Callable[[Answer], bool],
) -> Answer:
    """Return what is made of as much of a report as fits, with cursors to the rest.

    Args:
        goes_on: the list that it is another page of, as the report was made for.
    """
    return cut_to_fit(report, _CUTS, made=lambda cut: made(_noted(report, cut, question, goes_on)), fits=fits)


def _fewer_rows(report: PlacedReport, *, least: int) -> PlacedReport | None:
    page = report.deals
    # A page that goes on has nothing but rows: one fits.
    if page is None or len(page.rows) <= max(least, 0 if report.losses is not None or report.groups else 1):
        return None
    shorter = page.model_copy(update={"rows": page.rows[:-1]})
    return report.model_copy(update={"deals": shorter, "deal_places": report.deal_places[:-1]})


def _without_examples(report: PlacedReport) -> PlacedReport | None:
    if report.losses is None or all(theme.example is None for theme in report.losses.themes):
        return None
    return _with_themes(report, [theme.model_copy(update={"example": None}) for theme in report.losses.themes])


def _fewer_reasons(report: PlacedReport, *, most: int) -> PlacedReport | None:
    if report.losses is None or all(len(theme.reasons) <= most for theme in report.losses.themes):
        return None
    return _with_themes(report, [_with_reasons(theme, most) for theme in report.losses.themes])


def _with_reasons(theme: LossTheme, most: int) -> LossTheme:
    """Return the theme with its most frequent reasons; the others are counted."""
    cut, more = theme.reasons[most:], theme.more_reasons or MoreReasons(reasons=0, deals=0)
    if not cut:
        return theme
    counted = MoreReasons(reasons=more.reasons + len(cut), deals=more.deals + sum(reason.deals for reason in cut))
    return theme.model_copy(update={"reasons": theme.reasons[:most], "more_reasons": counted})


def _fewer_themes(report: PlacedReport) -> PlacedReport | None:
    if report.losses is None or not report.losses.themes:
        return None
    return _with_themes(report, report.losses.themes[:-1])


def _with_themes(report: PlacedReport, themes: list[LossTheme]) -> PlacedReport:
    assert report.losses is not None  # noqa: S101 - whoever calls has looked
    return report.model_copy(update={"losses": report.losses.model_copy(update={"themes": themes})})


def _without_top_deals(report: PlacedReport) -> PlacedReport | None:
    return with_less_told(report, [_TOP_DEALS])


def _less_of_months(report: PlacedReport) -> PlacedReport | None:
    if report.audit.group_by is not GroupBy.MONTH:
        return None
    of_one_portal = len({group.connector_id for group in report.groups}) == 1
    return with_less_told(report, (*_OF_A_MONTH, *([frozenset({"connector_id"})] if of_one_portal else [])))


def _fewer_groups(report: PlacedReport) -> PlacedReport | None:
    return with_fewer_groups(report, added_up=added_up, group_of=_told_like)


def _told_like(cells: GroupCells, group: Group) -> Group:
    return group_of(cells, top_deals=(), compared=group.compared_with is not None)


def _short_texts(report: PlacedReport) -> PlacedReport | None:
    shorter = report.model_copy(
        update={name: with_short_texts(getattr(report, name)) for name in ("summary", "groups", "losses", "deals")}
    )
    return None if shorter == report else shorter


_CUTS = (
    partial(_fewer_rows, least=_ROWS_WORTH_MORE),
    _without_examples,
    partial(_fewer_reasons, most=_REASONS_OF_A_THEME),
    partial(_fewer_reasons, most=0),
    _without_top_deals,
    _short_texts,
    partial(_fewer_rows, least=0),
    _less_of_months,
    _fewer_themes,
    _fewer_groups,
)


def _noted(whole: PlacedReport, cut: PlacedReport, question: Question, goes_on: GoesOn | None) -> CrmReport:
    """Return the cut report with a word about each part that is not in it."""
    after = None if goes_on is None else goes_on.after
    more_rows = whole.deals is not None and (
        whole.deals.next_page is not None or len(cut.deal_places) < len(whole.deal_places)
    )
    next_row = question.cursor(DealPlace.part, cut.deal_places[-1] if cut.deal_places else after) if more_rows else None
    left_out = [
        *_rows_left_out(cut.deals, next_row),
        *_losses_left_out(whole, cut),
        *figures_left_out(cut, of_each="group" if cut.audit.group_by is None else as_words(cut.audit.group_by)),
        *groups_left_out(cut, question, after),
    ]
    if _texts_are_cut(whole, cut):
        said = f"Names and reasons of more than {TEXT_CHARS_MAX} characters are cut."
        left_out.append(LeftOut(part="names", said=said))
    page = cut.deals and cut.deals.model_copy(
        update={"page": None, "next_page": None, "next_cursor": next_row, "page_rows": len(cut.deals.rows)}
    )
    noted = cut.audit.model_copy(update={"left_out": left_out, "answer_id": answer_id_of(whole, cut)})
    return cut.model_copy(update={"deals": page, "audit": noted})


def _rows_left_out(page: DealPage | None, next_row: str | None) -> Iterable[LeftOut]:
    if page is not None and next_row is not None:
        said = f"{number(len(page.rows))} of {count(page.total, 'deal')} are on this page."
        yield LeftOut(part="deals", said=said, next_cursor=next_row)


def _losses_left_out(whole: CrmReport, cut: CrmReport) -> Iterable[LeftOut]:
    if whole.losses is None or cut.losses is None:
        return
    missing = len(whole.losses.themes) - len(cut.losses.themes)
    if missing:
        said = f"The last {count(missing, 'theme')} of losses did not fit."
        yield LeftOut(part="losses.themes", said=said, arguments={"group_by": GroupBy.LOSS_THEME})
    kept = list(zip(whole.losses.themes, cut.losses.themes, strict=False))
    if any(len(theme.reasons) < len(before.reasons) for before, theme in kept):
        said = "Of each theme of losses only the most frequent reasons fit; the others are counted in more_reasons."
        yield LeftOut(part="losses.reasons", said=said, arguments={"group_by": GroupBy.LOSS_REASON})
    if any(theme.example is None and before.example is not None for before, theme in kept):
        said = "The latest lost deal of each theme of losses did not fit."
        yield LeftOut(part="losses.examples", said=said, arguments={"outcome": "lost", "detail": "true"})


def _texts_are_cut(whole: PlacedReport, cut: PlacedReport) -> bool:
    def texts(report: PlacedReport) -> set[str | None]:
        rows = report.deals.rows if report.deals is not None else []
        themes = report.losses.themes if report.losses is not None else []
        groups = zip(report.groups, report.group_places, strict=True)
        return {
            *(deal.name for deal in report.summary.top_deals),
            *(text for row in rows for text in (row.name, row.company, row.owner, row.source)),
            *(group.label for group, place in groups if place is not None),
            *(theme.label for theme in themes),
        }

    return not texts(cut) <= texts(whole)
