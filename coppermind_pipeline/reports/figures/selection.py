"""Which deals a report is about: the table that its statements share, and the group of each deal.

`deal` holds the live deals of the connectors, unfiltered unless asked otherwise, each with the date by which it is
counted on the report's basis (`report_at`) and its worth in the company currency where that is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Any

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.months import month_named, month_number, month_number_of_date, month_values
from coppermind_pipeline.reports.question.request import OUTCOMES, DateBasis, GroupBy, ReportRequest
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.sync import DEALS_AS_OF

STORE = "live_deals"

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DealSelection:
    """Which deals are asked about.

    Attributes:
        start, end: of the range, in UTC.
        today: first moment of the day that open deals are judged on.
        zone: IANA name of the report's zone.
        shown: start and end of each range that the report shows: its own, and the one that it is compared with.
        outcomes: of the deals that count.
        source: the table of deals: the store's, or one of the same columns as they were at an earlier time.
    """

    connector_ids: tuple[str, ...]
    start: datetime
    end: datetime
    today: datetime
    zone: str
    shown: tuple[tuple[datetime, datetime], ...]
    date_basis: DateBasis
    include_filtered: bool
    group_by: GroupBy | None = None
    outcomes: tuple[Outcome, ...] = OUTCOMES
    source: str = STORE

    def between(self, start: datetime, end: datetime) -> "DealSelection":
        """Return the same selection for another range."""
        return replace(self, start=start, end=end)

    def values(self, **more: Any) -> dict[str, Any]:
        """Return what the statements bind."""
        return {
            "connectors": list(self.connector_ids),
            "start": self.start,
            "end": self.end,
            "today": self.today,
            "zone": self.zone,
            "about_start": self.start - _A_DAY,
            "about_end": self.end + _A_DAY,
            "starts": [start for start, _ in self.shown],
            "ends": [end for _, end in self.shown],
            **{
                name: moment
                for number, edge in enumerate(chain.from_iterable(self.shown), start=1)
                for name, moment in ((f"before_edge_{number}", edge - _A_DAY), (f"after_edge_{number}", edge + _A_DAY))
            },
            "by_month": self.group_by is GroupBy.MONTH,
            **(month_values(self.zone, self.start, self.end) if self.group_by is GroupBy.MONTH else {}),
            "include_filtered": self.include_filtered,
            "outcomes": list(self.outcomes),
        } | more


def deal_selection(request: ReportRequest, portals: Sequence[SyncedPortal], frame: Frame) -> DealSelection:
    """Return the deals that a report of these portals is about."""
    ranges = [each for each in (frame.range, frame.compared) if each is not None]
    return DealSelection(
        connector_ids=tuple(portal.connector_id for portal in portals),
        start=frame.range.start,
        end=frame.range.end,
        today=frame.today,
        zone=frame.zone.key,
        shown=tuple((each.start, each.end) for each in ranges),
        date_basis=request.date_basis,
        include_filtered=request.include_filtered,
        group_by=request.group_by,
        outcomes=request.outcomes,
        source=STORE if frame.as_of is None else DEALS_AS_OF,
    )


class Which(StrEnum):
    """Which deals of the store a statement needs to look at, said by what is indexed."""

    CLOSED = "closed about the range, a day more at each end: a bare day is midnight in another zone"
    OPEN = "open"
    CREATED = "created in the range"
    UNDATED = "closed, without a date"
    MONTH_STARTS = "closed on a bare day that is the first of a month, which west of UTC is another month as a moment"
    DUE_ON_MONTH_STARTS = "open, and due on such a bare day, or in a month that is far from the range"
    ABOUT_EDGES = "closed within a day of where a range that is shown begins or ends"


def with_deals(statement: str, selection: DealSelection, *which: Which, put_apart_by: Sequence[str] = ()) -> str:
    """Return a statement behind `deal`, those deals of the selection; `<key>` in it is the group of one.

    `<key of new>` is that of one that is new in the range, where it is another. `<alike>` are the columns, each behind
    a comma, that the key is told from: where deals are added up by these first, it is worked out once for all that are
    alike, also in the columns `put_apart_by`. `<place>` and `<region>` are the words for places, where these are the
    groups.
    """
    basis = selection.date_basis
    looked_at = dict.fromkeys(
        _WHICH[each].format(dated=dated, basis=column, outcome=outcome, edge=edge)
        for each in which
        for dated, column, outcome in _dated_by(basis)
        for edge in range(1, 1 + 2 * len(selection.shown))
    )
    by_month = selection.group_by is GroupBy.MONTH
    deals = _DEALS.format(
        source=selection.source,
        close_at=_CLOSE_AT,
        report_at=_by_outcome(basis, _DATED),
        as_stored=_by_outcome(basis, {}),
        month=_month(basis) if by_month else _NO_MONTH,
        month_of_new=month_number("d.created_at") if by_month else _NO_MONTH,
        looked_at=" OR ".join(looked_at),
        outcomes=_ANY_OUTCOME if {*selection.outcomes} == {*OUTCOMES} else _OUTCOMES,
    )
    columns, key = _GROUPS[selection.group_by]
    filled_in = {
        "<key>": key,
        "<key of new>": month_named("month_of_new") if by_month else _NOTHING,
        "<alike>": "".join(f", {column}" for column in dict.fromkeys((*columns, *put_apart_by))),
        "<place>": "place_country_text" if "place_country_text" in columns else _NOTHING,
        "<region>": "place_region" if "place_region" in columns else _NOTHING,
    }
    for placeholder, expression in filled_in.items():
        statement = statement.replace(placeholder, expression)
    return deals + statement


def _dated_by(basis: DateBasis) -> Iterator[tuple[str, str, str]]:
    """Yield the condition of the deals that a column dates, as far as it dates not all, the column, and their outcome.

    Said of each deal, it lets the few won ones be found that have a date of their own.
    """
    for column, outcome in ((basis.column, "won"), (basis.lost_column, "lost")):
        yield "" if basis.column == basis.lost_column else f"d.outcome = '{outcome}' AND ", column, outcome


def _by_outcome(basis: DateBasis, expressions: Mapping[str, str]) -> str:
    """Return the SQL of a deal's date on the basis; a column that has an expression is put into it."""
    date, lost_date = (expressions.get(column, "d.{}").format(column) for column in (basis.column, basis.lost_column))
    return date if date == lost_date else f"CASE WHEN d.outcome = 'lost' THEN {lost_date} ELSE {date} END"


def _month(basis: DateBasis) -> str:
    """Return the SQL that numbers the month by which a deal counts: of an open one, that in which it is due."""
    columns = {basis.column, basis.lost_column}
    numbered = {column: (month_number_of_date if column in _DATED else month_number)("d.{0}") for column in columns}
    of_open, of_closed = month_number_of_date("d.close_at"), _by_outcome(basis, numbered)
    return of_closed if of_closed == of_open else f"CASE WHEN d.outcome = 'open' THEN {of_open} ELSE {of_closed} END"


_NOTHING = "CAST(NULL AS text)"
_NO_MONTH = "CAST(NULL AS integer)"

# A bare day is that day in every zone; `closed_as_stored` and `dated_as_stored` take it for a moment.
_CLOSE_MOMENT = "close_moment(d.{}, CAST(:zone AS text))"
_CLOSE_AT = _CLOSE_MOMENT.format("close_at")
_DATED: Mapping[str, str] = dict.fromkeys(("close_at", "closed_won_at"), _CLOSE_MOMENT)

_DEALS = """
WITH deal AS NOT MATERIALIZED (
    SELECT d.connector_id, d.hubspot_id, d.name, d.outcome, d.outcome_disagrees, d.amount, d.currency, d.amount_home,
           d.loss_reason, d.pipeline_id, d.stage_id, d.owner_id, d.attributed_source, d.place_country_code,
           d.place_country_text, d.place_region, d.primary_company_id, d.created_at, p.company_currency,
           {close_at} AS close_at, d.close_at AS closed_as_stored,
           coalesce(d.amount_home, CASE WHEN d.currency = p.company_currency THEN d.amount END) AS worth,
           weighted_amount(d.amount, d.probability, d.stage_probability) AS weighted,
           {report_at} AS report_at, {as_stored} AS dated_as_stored,
           {month} AS month,
           CASE WHEN d.created_at >= :start AND d.created_at < :end THEN {month_of_new} END AS month_of_new
      FROM {source} d
      LEFT JOIN hubspot_portals AS p ON p.connector_id = d.connector_id
     WHERE d.connector_id = ANY(:connectors) AND d.object_type = 'deals'
       AND {outcomes}
       AND (CAST(:include_filtered AS boolean) OR d.filtered_reason IS NULL)
       AND ({looked_at})
)
"""

# To look for an outcome among all that there are takes time, deal by deal.
_ANY_OUTCOME = "d.outcome IS NOT NULL"
_OUTCOMES = "d.outcome = ANY(CAST(:outcomes AS text[]))"

# Moments are worked out before, not for each deal anew: PostgreSQL takes no interval off them in advance.
_WHICH: Mapping[Which, str] = {
    Which.CLOSED: "({dated}d.{basis} >= :about_start AND d.{basis} < :about_end)",
    Which.OPEN: "d.outcome = 'open'",
    Which.CREATED: "(d.created_at >= :start AND d.created_at < :end)",
    Which.UNDATED: "(d.outcome = '{outcome}' AND d.{basis} IS NULL)",
    Which.MONTH_STARTS: "({dated}d.{basis} = ANY(CAST(:month_bare_days AS timestamptz[])))",
    Which.DUE_ON_MONTH_STARTS: (
        "(d.outcome = 'open' AND (d.close_at = ANY(CAST(:month_bare_days AS timestamptz[]))"
        " OR d.close_at < :first_bare_day OR d.close_at > :last_bare_day))"
    ),
    Which.ABOUT_EDGES: "({dated}d.{basis} >= :before_edge_{edge} AND d.{basis} <= :after_edge_{edge})",
}

# Said like this, since of a bare range of what is worked out PostgreSQL expects next to no deals, and sorts them all.
IN_RANGE = "coalesce(report_at >= :start AND report_at < :end, false)"

# What no internal value of a portal's own looks like; "unknown" and "none" are some.
NO_SOURCE = "(none)"
NO_REASON = "(none)"

_REASON_KEY = (
    f"CASE WHEN lacks_reason(outcome, loss_reason) THEN '{NO_REASON}' WHEN outcome = 'lost' THEN loss_reason END"
)

_COUNTRY_KEY = "coalesce(place_country_code, 'unrecognized:' || lower(place_country_text), 'unknown')"

# From which columns of a deal its group is told, and how; NULL where it is in none. The month is that of the date by
# which a deal counts. Themes are told from the reasons that were found, once for each.
_GROUPS: Mapping[GroupBy | None, tuple[tuple[str, ...], str]] = {
    None: ((), "CAST('' AS text)"),
    GroupBy.SOURCE: (("attributed_source",), f"coalesce(attributed_source, '{NO_SOURCE}')"),
    GroupBy.OWNER: (("owner_id",), "coalesce(owner_id, 'none')"),
    GroupBy.PIPELINE: (("pipeline_id",), "coalesce(pipeline_id, 'none')"),
    GroupBy.STAGE: (
        ("pipeline_id", "stage_id"),
        "coalesce(pipeline_id, 'none') || '/' || coalesce(stage_id, 'none')",
    ),
    GroupBy.COUNTRY: (("place_country_code", "place_country_text"), _COUNTRY_KEY),
    GroupBy.REGION: (
        ("place_country_code", "place_country_text", "place_region"),
        f"{_COUNTRY_KEY} || '/' || coalesce(lower(place_region), 'unknown')",
    ),
    GroupBy.MONTH: (("month", "month_of_new"), f"coalesce({month_named('month')}, 'none')"),
    GroupBy.COMPANY: (("primary_company_id",), "coalesce(primary_company_id, 'none')"),
    GroupBy.LOSS_THEME: (("loss_reason",), _REASON_KEY),
    GroupBy.LOSS_REASON: (("loss_reason",), _REASON_KEY),
}
