"""Deals as a report counts them: one set-based statement per question, however many deals there are.

Each stands behind the table of deals that `selection.py` makes of the question.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import chain
from typing import Any, Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import OFFLINE
from coppermind_pipeline.reports.figures.measures import Cell, Days, Measure
from coppermind_pipeline.reports.figures.selection import IN_RANGE, DealSelection, Which, with_deals
from coppermind_pipeline.reports.question.request import GroupBy

OTHER = "other"

GroupKey = tuple[str, str]
LabelKind = Literal["owner", "stage", "source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WonDeals:
    """What single won deals tell: days to close, and the largest ones; of each group one, or none with an amount."""

    days: Days
    days_by_group: Mapping[GroupKey, Days]
    largest: Sequence[Mapping[Any, Any]]
    largest_by_group: Mapping[GroupKey, Sequence[Mapping[Any, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DealQuality:
    """What a reader must know about the deals behind the figures; each a number of deals.

    Attributes:
        won_offline: won deals whose source is Offline, where the report is by source.
        won_undated, lost_undated: closed, but without a date on the basis, hence in no period.
        disagreeing: whose stage and own properties say different outcomes.
        without_probability: open with an amount, but not in the weighted pipeline.
    """

    won: int
    won_without_amount: int
    won_offline: int
    open: int
    open_without_amount: int
    won_undated: int
    lost_undated: int
    disagreeing: int
    without_probability: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BareDays:
    """Deals of one currency whose bare day, read as a moment, would be in another range or month that is shown."""

    currency: str | None
    deals: int
    with_amount: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUse:
    """How many deals of the report show one owner, one source, or one stage of a pipeline: its kind and its value."""

    connector_id: str
    kind: LabelKind
    value: Sequence[str | None]
    deals: int


def cells(connection: Connection, selection: DealSelection, measures: Iterable[Measure] = Measure) -> list[Cell]:
    """Return the sums of the measures, by connector, group and currency; no other deals are looked at."""
    wanted = list(measures)
    statement = text(with_deals(_CELLS, selection, *dict.fromkeys(_LOOKED_AT[measure] for measure in wanted)))
    return [_cell(row) for row in connection.execute(statement, selection.values(measures=wanted)).mappings()]


def cells_and_label_uses(
    connection: Connection, selection: DealSelection, *, owners: bool
) -> tuple[list[Cell], list[LabelUse]]:
    """Return the sums of all measures, and each distinct internal value that the report's deals show a label of.

    Args:
        owners: the report shows owners, too.
    """
    labels = {kind: columns for kind, columns in _LABELS.items() if owners or kind != "owner"}
    uses = " UNION ALL ".join(_LABEL_USES.format(kind, ", ".join(columns)) for kind, columns in labels.items())
    statement = with_deals(
        _CELLS_AND_LABEL_USES.replace("<label uses>", uses),
        selection,
        *dict.fromkeys(_LOOKED_AT.values()),
        put_apart_by=tuple(chain.from_iterable(labels.values())),
    )
    found: list[Cell] = []
    used: list[LabelUse] = []
    for row in connection.execute(text(statement), selection.values(measures=list(Measure))).mappings():
        values = dict(row)
        use = values.pop("label_use")
        if use is None:
            found.append(_cell(values))
        else:
            used.append(LabelUse(**use))
    return found, used


def cells_and_days(
    connection: Connection, selection: DealSelection, measures: Iterable[Measure]
) -> tuple[list[Cell], dict[GroupKey, Days]]:
    """Return the sums of the measures, won deals among them, and the days to close of these deals by group."""
    wanted = list(measures)
    statement = with_deals(
        _CELLS_AND_DAYS, selection, *dict.fromkeys(_LOOKED_AT[measure] for measure in (*wanted, Measure.CLOSED_WON))
    )
    found: list[Cell] = []
    days: defaultdict[GroupKey, Counter[int]] = defaultdict(Counter)
    for row in connection.execute(text(statement), selection.values(measures=wanted)).mappings():
        values = dict(row)
        all_days = values.pop("all_days")
        if all_days is None:
            found.append(_cell(values))
        else:
            days[row["connector_id"], row["key"]].update(all_days)
    return found, {group: Days(counted) for group, counted in days.items()}


def won_deals(connection: Connection, selection: DealSelection, kept: Iterable[GroupKey], *, most: int) -> WonDeals:
    """Return what single won deals in the range tell; groups not `kept` are `other`.

    Args:
        most: how many of the largest of all are told.
    """
    values = selection.values(most=most, **_kept(kept))
    rows = connection.execute(text(with_deals(_WON, selection, Which.CLOSED)), values).mappings().all()
    of_groups = [row for row in rows if not row["of_all"]]
    days = {(row["connector_id"], row["bucket"]): Days(Counter(row["all_days"])) for row in of_groups}
    return WonDeals(
        days=sum(days.values(), Days()),
        days_by_group=days,
        largest=[row for row in rows if row["of_all"]],
        largest_by_group={
            (row["connector_id"], row["bucket"]): [row] for row in of_groups if row["hubspot_id"] is not None
        },
    )


def quality(connection: Connection, selection: DealSelection, cells: Sequence[Cell]) -> DealQuality:
    """Count what the caveats speak of; `cells` are the selection's."""
    by_measure = {measure: [cell for cell in cells if cell.measure is measure] for measure in Measure}
    won, lost, still_open = by_measure[Measure.CLOSED_WON], by_measure[Measure.CLOSED_LOST], by_measure[Measure.OPEN]
    undated = connection.execute(text(with_deals(_UNDATED, selection, Which.UNDATED)), selection.values()).one()
    return DealQuality(
        won=sum(cell.deals for cell in won),
        won_without_amount=sum(cell.deals - cell.with_amount for cell in won),
        won_offline=sum(cell.deals for cell in won if selection.group_by is GroupBy.SOURCE and cell.key == OFFLINE),
        open=sum(cell.deals for cell in still_open),
        open_without_amount=sum(cell.deals - cell.with_amount for cell in still_open),
        won_undated=undated.won,
        lost_undated=undated.lost,
        disagreeing=sum(cell.disagreeing for cell in (*won, *lost, *still_open)),
        without_probability=sum(cell.unweighted for cell in still_open),
    )


def bare_days(connection: Connection, selection: DealSelection) -> list[BareDays]:
    """Count the deals that HubSpot's own screens may show in another range or month."""
    by_month = (Which.MONTH_STARTS, Which.DUE_ON_MONTH_STARTS) if selection.group_by is GroupBy.MONTH else ()
    statement = text(with_deals(_BARE_DAYS, selection, Which.ABOUT_EDGES, *by_month))
    rows = connection.execute(statement, selection.values()).mappings()
    return [BareDays(**row) for row in rows]


def company_names(connection: Connection, companies: Iterable[GroupKey]) -> Mapping[GroupKey, str]:
    """Return the names of those companies that have one, by connector and id."""
    rows = connection.execute(text(_COMPANY_NAMES), _kept(companies))
    return {(row.connector_id, row.hubspot_id): row.name for row in rows}


def _cell(values: Mapping[Any, Any]) -> Cell:
    return Cell(**{**values, "measure": Measure(values["measure"])})


def _kept(kept: Iterable[GroupKey]) -> dict[str, list[str]]:
    pairs = list(kept)
    return {"kept_connectors": [connector for connector, _ in pairs], "kept_keys": [key for _, key in pairs]}


_LOOKED_AT: Mapping[Measure, Which] = {
    Measure.CLOSED_WON: Which.CLOSED,
    Measure.CLOSED_LOST: Which.CLOSED,
    Measure.OPEN: Which.OPEN,
    Measure.OVERDUE: Which.OPEN,
    Measure.PIPELINE_CREATED: Which.CREATED,
}

# What each deal counts as: closed in the range, open, overdue, new. Not fenced off by OFFSET 0, though columns are
# worked out again where they are named: behind a fence that holds a policy, PostgreSQL adds up in one process alone.
DATED = """
, dated AS (
    SELECT deal.*,
           outcome <> 'open' AND report_at >= :start AND report_at < :end AS in_range,
           is_overdue(outcome, close_at, :today) AS is_overdue,
           coalesce(created_at >= :start AND created_at < :end, false) AS is_new
      FROM deal
)
"""

# Deals are added up by what they count as, and only those few sums are named, told what they are worth in the
# company currency, and taken once for each measure. The few deals that were looked at for nothing are a sum that no
# measure takes: to leave them out first takes longer.
_SUMMED_WITH = (
    DATED
    + """
, summed AS (
    SELECT connector_id, outcome, in_range, is_overdue, is_new, currency <alike>,
           count(*) AS deals, count(amount) AS with_amount, sum(amount) AS amount,
           sum(amount_home) FILTER (WHERE amount IS NOT NULL) AS amount_home,
           count(*) FILTER (WHERE amount IS NOT NULL AND amount_home IS NULL) AS without_home,
           sum(amount) FILTER (WHERE amount_home IS NULL) AS amount_without_home,
           sum(amount_home) FILTER (WHERE amount IS NULL) AS home_without_amount,
           sum(weighted) FILTER (WHERE outcome = 'open') AS weighted,
           count(*) FILTER (WHERE outcome_disagrees) AS disagreeing,
           count(*) FILTER (WHERE outcome = 'open' AND amount IS NOT NULL AND weighted IS NULL) AS unweighted
           <days>
      FROM dated
     GROUP BY connector_id, outcome, in_range, is_overdue, is_new, currency <alike>
)
"""
)

_SUMMED = _SUMMED_WITH.replace("<days>", "")

_CELL = """
SELECT connector_id, CASE measure WHEN 'pipeline_created' THEN coalesce(<key of new>, <key>) ELSE <key> END AS key,
       measure, currency, home_currency, CAST(sum(deals) AS bigint) AS deals,
       CAST(sum(with_amount) AS bigint) AS with_amount, sum(amount) AS amount, sum(amount_home) AS amount_home,
       CAST(sum(without_home) AS bigint) AS without_home, sum(weighted) FILTER (WHERE measure = 'open') AS weighted,
       coalesce(sum(amount_home), 0) + coalesce(sum(home_without_amount), 0)
       + coalesce(sum(amount_without_home) FILTER (WHERE currency = home_currency), 0) AS worth,
       CAST(sum(disagreeing) AS bigint) AS disagreeing, CAST(sum(unweighted) AS bigint) AS unweighted,
       min(<place> COLLATE "C") AS text, min(<region> COLLATE "C") AS region
  FROM summed
  LEFT JOIN (SELECT connector_id, company_currency AS home_currency FROM hubspot_portals) AS portal USING (connector_id)
 CROSS JOIN LATERAL (VALUES
    ('closed_won', outcome = 'won' AND in_range),
    ('closed_lost', outcome = 'lost' AND in_range),
    ('open', outcome = 'open'),
    ('overdue', is_overdue),
    ('pipeline_created', is_new)
 ) AS counted (measure, applies)
 WHERE applies AND measure = ANY(CAST(:measures AS text[]))
 GROUP BY connector_id, 2, measure, currency, home_currency
"""

_CELLS = _SUMMED + _CELL

_LABELS: Mapping[LabelKind, Sequence[str]] = {
    "owner": ("owner_id",),
    "stage": ("pipeline_id", "stage_id"),
    "source": ("attributed_source",),
}

_LABEL_USES = """
SELECT connector_id, '{0}' AS kind, ARRAY[{1}] AS value, CAST(sum(deals) AS bigint) AS deals
  FROM summed
 WHERE outcome = 'open' OR in_range
 GROUP BY connector_id, {1}
"""

# Each of its rows is either.
_CELLS_AND_LABEL_USES = f"""{_SUMMED}
, cell AS ({_CELL}), label_use AS (<label uses>)
SELECT cell.*, CAST(NULL AS jsonb) AS label_use FROM cell
 UNION ALL
SELECT {", ".join("NULL" for _ in fields(Cell))}, to_jsonb(label_use) FROM label_use
"""

_SUMMED_WITH_DAYS = _SUMMED_WITH.replace(
    "<days>",
    ", array_agg(days_to_close(created_at, close_at, CAST(:zone AS text)))"
    " FILTER (WHERE outcome = 'won' AND in_range) AS days",
)

# So are these; a group has as many rows of days as it has sums.
_CELLS_AND_DAYS = f"""{_SUMMED_WITH_DAYS}
, cell AS ({_CELL})
SELECT cell.*, CAST(NULL AS integer[]) AS all_days FROM cell
 UNION ALL
SELECT connector_id, <key>, {", ".join("NULL" for _ in fields(Cell)[2:])}, array_remove(days, NULL)
  FROM summed WHERE days IS NOT NULL
"""

# No deals are sorted but those that are worth as much as the largest of their group.
_WON = (
    f"""
, won AS (
    SELECT deal.*, <key> AS key FROM deal WHERE outcome = 'won' AND {IN_RANGE}
), bucketed AS MATERIALIZED (
    SELECT won.connector_id, CASE WHEN won.key IS NOT NULL THEN coalesce(kept.key, 'other') END AS bucket,
           hubspot_id, name, amount, currency, amount_home, company_currency, report_at, worth,
           days_to_close(created_at, close_at, CAST(:zone AS text)) AS days
      FROM won
      LEFT JOIN unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, key)
        ON kept.connector_id = won.connector_id AND kept.key = won.key
), by_group AS (
    SELECT connector_id, bucket, array_agg(days) FILTER (WHERE days IS NOT NULL) AS all_days,
           max(worth) FILTER (WHERE amount IS NOT NULL) AS most_worth,
           max(amount) FILTER (WHERE worth IS NULL) AS most_amount
      FROM bucketed
     GROUP BY connector_id, bucket
), largest AS (
    SELECT * FROM bucketed WHERE amount IS NOT NULL ORDER BY <order> LIMIT :most
), largest_of_group AS (
    SELECT DISTINCT ON (connector_id, bucket) bucketed.*
      FROM bucketed
      JOIN by_group USING (connector_id, bucket)
     WHERE amount IS NOT NULL AND (worth = most_worth OR (most_worth IS NULL AND amount = most_amount))
     ORDER BY connector_id, bucket, <order>
)
SELECT true AS of_all, CAST(NULL AS integer[]) AS all_days, largest.* FROM largest
 UNION ALL
SELECT false, all_days, connector_id, bucket, hubspot_id, name, amount, currency, amount_home, company_currency,
       report_at, worth, days
  FROM by_group
  LEFT JOIN largest_of_group USING (connector_id, bucket)
 ORDER BY of_all DESC, <order>
"""
).replace("<order>", "worth DESC NULLS LAST, amount DESC, connector_id, hubspot_id")

_UNDATED = """
SELECT count(*) FILTER (WHERE outcome = 'won') AS won, count(*) FILTER (WHERE outcome = 'lost') AS lost FROM deal
"""

_BARE_DAYS = """
SELECT currency, count(*) AS deals, count(amount) AS with_amount, coalesce(sum(amount), 0) AS amount
  FROM deal
 CROSS JOIN LATERAL (
    SELECT CASE outcome WHEN 'open' THEN close_at ELSE report_at END AS at,
           CASE outcome WHEN 'open' THEN closed_as_stored ELSE dated_as_stored END AS as_stored
 ) AS dated
 WHERE at <> as_stored
   AND (EXISTS (SELECT FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS shown (start, "end")
                 WHERE outcome <> 'open'
                   AND (at >= shown.start AND at < shown.end) <> (as_stored >= shown.start AND as_stored < shown.end))
        OR (CAST(:by_month AS boolean) AND (outcome = 'open' OR (at >= :start AND at < :end))
            AND date_trunc('month', at AT TIME ZONE CAST(:zone AS text))
                <> date_trunc('month', as_stored AT TIME ZONE CAST(:zone AS text))))
 GROUP BY currency ORDER BY currency
"""

_COMPANY_NAMES = """
SELECT company.connector_id, company.hubspot_id, company.name
  FROM unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, hubspot_id)
  JOIN hubspot_crm_objects AS company USING (connector_id, hubspot_id)
 WHERE company.object_type = 'companies' AND company.name IS NOT NULL
"""
