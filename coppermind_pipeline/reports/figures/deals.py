"""Deals as a report counts them: one set-based statement per question, however many deals there are.

All statements share `_DEALS`: the live deals of the connectors, unfiltered unless asked otherwise, each with the date
by which it is counted on the report's basis (`report_at`) and its worth in the company currency where that is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.reports.figures.measures import Cell, DaysToClose, Measure
from coppermind_pipeline.reports.question.request import OUTCOMES, DateBasis, GroupBy

OTHER = "other"
STORE = "live_deals"

GroupKey = tuple[str, str]


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
            "starts": [start for start, _ in self.shown],
            "ends": [end for _, end in self.shown],
            "by_month": self.group_by is GroupBy.MONTH,
            "include_filtered": self.include_filtered,
            "outcomes": list(self.outcomes),
        } | more


@dataclass(frozen=True, slots=True, kw_only=True)
class DealQuality:
    """What a reader must know about the deals behind the figures; each a number of deals.

    Attributes:
        won_undated, lost_undated: closed, but without a date on the basis, hence in no period.
        disagreeing: whose stage and own properties say different outcomes.
        without_probability: open with an amount, but not in the weighted pipeline.
    """

    won: int
    won_without_amount: int
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
    """How many deals of the report show one owner, one source, or one stage of a pipeline."""

    connector_id: str
    kind: str
    owner_id: str | None
    pipeline_id: str | None
    stage_id: str | None
    source: str | None
    deals: int


def cells(connection: Connection, selection: DealSelection) -> list[Cell]:
    """Return the sums of every measure by connector, group and currency."""
    rows = connection.execute(text(with_deals(_CELLS, selection)), selection.values()).mappings()
    return [Cell(**{**row, "measure": Measure(row["measure"])}) for row in rows]


def days_to_close(
    connection: Connection, selection: DealSelection, kept: Iterable[GroupKey]
) -> tuple[DaysToClose, Mapping[GroupKey, DaysToClose]]:
    """Return the days to close of all won deals in the range, and by group; groups not `kept` are `other`."""
    statement = text(with_deals(_DAYS, selection))
    overall, by_group = DaysToClose(), {}
    for row in connection.execute(statement, selection.values(**_kept(kept))):
        days = DaysToClose(median=row.median, negative=row.negative)
        if row.is_total:
            overall = days
        else:
            by_group[row.connector_id, row.bucket] = days
    return overall, by_group


def largest_won(
    connection: Connection, selection: DealSelection, kept: Iterable[GroupKey], *, overall: int, per_group: int
) -> Sequence[Mapping[Any, Any]]:
    """Return the largest won deals in the range, with their rank among all (`place`) and in their group."""
    values = selection.values(overall=overall, per_group=per_group, **_kept(kept))
    return connection.execute(text(with_deals(_LARGEST, selection)), values).mappings().all()


def quality(connection: Connection, selection: DealSelection) -> DealQuality:
    """Count what the caveats speak of."""
    row = connection.execute(text(with_deals(_QUALITY, selection)), selection.values()).mappings().one()
    return DealQuality(**row)


def bare_days(connection: Connection, selection: DealSelection) -> list[BareDays]:
    """Count the deals that HubSpot's own screens may show in another range or month."""
    rows = connection.execute(text(with_deals(_BARE_DAYS, selection)), selection.values()).mappings()
    return [BareDays(**row) for row in rows]


def label_uses(connection: Connection, selection: DealSelection) -> list[LabelUse]:
    """Return each distinct internal value that the report's deals show a label of."""
    rows = connection.execute(text(with_deals(_LABEL_USES, selection)), selection.values()).mappings()
    return [LabelUse(**row) for row in rows]


def detail_rows(
    connection: Connection, selection: DealSelection, *, open_ones: bool, offset: int, limit: int
) -> Sequence[Mapping[Any, Any]]:
    """Return one page of the deals behind the figures: won, lost, then open ones, each newest first.

    Args:
        open_ones: list open deals, too, which are those of now, whatever the range.
    """
    values = selection.values(open_ones=open_ones, offset=offset, limit=limit)
    return connection.execute(text(with_deals(_ROWS, selection)), values).mappings().all()


def company_names(connection: Connection, companies: Iterable[GroupKey]) -> Mapping[GroupKey, str]:
    """Return the names of those companies that have one, by connector and id."""
    rows = connection.execute(text(_COMPANY_NAMES), _kept(companies))
    return {(row.connector_id, row.hubspot_id): row.name for row in rows}


def _kept(kept: Iterable[GroupKey]) -> dict[str, list[str]]:
    pairs = list(kept)
    return {"kept_connectors": [connector for connector, _ in pairs], "kept_keys": [key for _, key in pairs]}


def with_deals(statement: str, selection: DealSelection) -> str:
    """Return a statement behind `deal`, the deals of the selection; `<key>` in it is the group of one."""
    basis = selection.date_basis
    date, lost_date = (_DATED.get(column, "d.{}").format(column) for column in (basis.column, basis.lost_column))
    deals = _DEALS.format(source=selection.source, basis=basis.column, lost_basis=basis.lost_column, date=date,
                          lost_date=lost_date)  # fmt: skip
    return deals + statement.replace("<key>", _KEYS[selection.group_by])


# A bare day is that day in every zone; `closed_as_stored` and `dated_as_stored` take it for a moment.
_CLOSE_MOMENT = "close_moment(d.{}, CAST(:zone AS text))"
_DATED: Mapping[str, str] = dict.fromkeys(("close_at", "closed_won_at"), _CLOSE_MOMENT)

_DEALS = """
WITH deal AS NOT MATERIALIZED (
    SELECT d.connector_id, d.hubspot_id, d.name, d.outcome, d.outcome_disagrees, d.amount, d.currency, d.amount_home,
           d.loss_reason, d.pipeline_id, d.stage_id, d.owner_id, d.attributed_source, d.place_country_code,
           d.place_country_text, d.place_region, d.primary_company_id, d.created_at, p.company_currency,
           close_moment(d.close_at, CAST(:zone AS text)) AS close_at, d.close_at AS closed_as_stored,
           coalesce(d.amount_home, CASE WHEN d.currency = p.company_currency THEN d.amount END) AS worth,
           weighted_amount(d.amount, d.probability, d.stage_probability) AS weighted,
           CASE WHEN d.outcome = 'lost' THEN {lost_date} ELSE {date} END AS report_at,
           CASE WHEN d.outcome = 'lost' THEN d.{lost_basis} ELSE d.{basis} END AS dated_as_stored
      FROM {source} d
      LEFT JOIN hubspot_portals AS p ON p.connector_id = d.connector_id
     WHERE d.connector_id = ANY(:connectors) AND d.object_type = 'deals'
       AND d.outcome = ANY(CAST(:outcomes AS text[]))
       AND (CAST(:include_filtered AS boolean) OR d.filtered_reason IS NULL)
)
"""

# What no internal value of a portal's own looks like; "unknown" and "none" are some.
NO_SOURCE = "(none)"
NO_REASON = "(none)"

_REASON_KEY = (
    f"CASE WHEN lacks_reason(outcome, loss_reason) THEN '{NO_REASON}' WHEN outcome = 'lost' THEN loss_reason END"
)

_COUNTRY_KEY = "coalesce(place_country_code, 'unrecognized:' || lower(place_country_text), 'unknown')"

# The group of a deal, by the date (`dated_at`) that the measure at hand counts it by; NULL where it is in none. Themes
# are told from the reasons that were found, once for each.
_KEYS: Mapping[GroupBy | None, str] = {
    None: "CAST('' AS text)",
    GroupBy.SOURCE: f"coalesce(attributed_source, '{NO_SOURCE}')",
    GroupBy.OWNER: "coalesce(owner_id, 'none')",
    GroupBy.PIPELINE: "coalesce(pipeline_id, 'none')",
    GroupBy.STAGE: "coalesce(pipeline_id, 'none') || '/' || coalesce(stage_id, 'none')",
    GroupBy.COUNTRY: _COUNTRY_KEY,
    GroupBy.REGION: f"{_COUNTRY_KEY} || '/' || coalesce(lower(place_region), 'unknown')",
    GroupBy.MONTH: "coalesce(to_char(dated_at AT TIME ZONE CAST(:zone AS text), 'YYYY-MM'), 'none')",
    GroupBy.COMPANY: "coalesce(primary_company_id, 'none')",
    GroupBy.LOSS_THEME: _REASON_KEY,
    GroupBy.LOSS_REASON: _REASON_KEY,
}

_CELLS = """
, counted AS (
    SELECT deal.*, m.measure, m.dated_at
      FROM deal
     CROSS JOIN LATERAL (VALUES
        ('closed_won', outcome = 'won' AND report_at >= :start AND report_at < :end, report_at),
        ('closed_lost', outcome = 'lost' AND report_at >= :start AND report_at < :end, report_at),
        ('open', outcome = 'open', close_at),
        ('overdue', is_overdue(outcome, close_at, :today), close_at),
        ('pipeline_created', created_at >= :start AND created_at < :end, created_at)
     ) AS m (measure, applies, dated_at)
     WHERE m.applies
       -- Implied by it, and cheap: most deals closed in other periods.
       AND (outcome = 'open' OR (report_at >= :start AND report_at < :end)
            OR (created_at >= :start AND created_at < :end))
)
SELECT connector_id, <key> AS key, measure, currency, company_currency AS home_currency,
       count(*) AS deals, count(amount) AS with_amount, sum(amount) AS amount,
       sum(amount_home) FILTER (WHERE amount IS NOT NULL) AS amount_home,
       count(*) FILTER (WHERE amount IS NOT NULL AND amount_home IS NULL) AS without_home,
       sum(weighted) FILTER (WHERE measure = 'open') AS weighted,
       coalesce(sum(worth), 0) AS worth,
       min(place_country_text COLLATE "C") AS text, min(place_region COLLATE "C") AS region
  FROM counted
 GROUP BY connector_id, 2, measure, currency, company_currency
"""

_BUCKETS = """
, won AS (
    SELECT deal.*, report_at AS dated_at FROM deal
     WHERE outcome = 'won' AND report_at >= :start AND report_at < :end
), placed AS (
    SELECT won.*, <key> AS key FROM won
), bucketed AS (
    SELECT placed.*, CASE WHEN placed.key IS NOT NULL THEN coalesce(kept.key, 'other') END AS bucket
      FROM placed
      LEFT JOIN unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, key)
        ON kept.connector_id = placed.connector_id AND kept.key = placed.key
)
"""

_DAYS = (
    _BUCKETS
    + """
, timed AS (
    SELECT connector_id, bucket, days_to_close(created_at, close_at, CAST(:zone AS text)) AS days
      FROM bucketed
)
SELECT connector_id, bucket, grouping(connector_id) = 1 AS is_total,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE days >= 0) AS median,
       count(*) FILTER (WHERE days < 0) AS negative
  FROM timed
 GROUP BY GROUPING SETS ((connector_id, bucket), ())
"""
)

_LARGEST = (
    _BUCKETS
    + """
, ranked AS (
    SELECT bucketed.*, row_number() OVER (ORDER BY <order>) AS place,
           row_number() OVER (PARTITION BY connector_id, bucket ORDER BY <order>) AS place_in_group
      FROM bucketed
     WHERE amount IS NOT NULL
)
SELECT connector_id, bucket, hubspot_id, name, amount, currency, amount_home, company_currency, report_at,
       place, place_in_group
  FROM ranked
 WHERE place <= :overall OR place_in_group <= :per_group
 ORDER BY place
"""
).replace("<order>", "worth DESC NULLS LAST, amount DESC, connector_id, hubspot_id")

_QUALITY = """
SELECT count(*) FILTER (WHERE in_won) AS won,
       count(*) FILTER (WHERE in_won AND amount IS NULL) AS won_without_amount,
       count(*) FILTER (WHERE outcome = 'open') AS open,
       count(*) FILTER (WHERE outcome = 'open' AND amount IS NULL) AS open_without_amount,
       count(*) FILTER (WHERE outcome = 'won' AND report_at IS NULL) AS won_undated,
       count(*) FILTER (WHERE outcome = 'lost' AND report_at IS NULL) AS lost_undated,
       count(*) FILTER (WHERE outcome_disagrees AND (in_range OR outcome = 'open')) AS disagreeing,
       count(*) FILTER (WHERE outcome = 'open' AND amount IS NOT NULL AND weighted IS NULL) AS without_probability
  FROM deal
 CROSS JOIN LATERAL (SELECT coalesce(report_at >= :start AND report_at < :end, false) AS in_range) AS dated
 CROSS JOIN LATERAL (SELECT in_range AND outcome = 'won' AS in_won) AS counted
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

_LABEL_USES = """
SELECT connector_id,
       CASE WHEN grouping(owner_id) = 0 THEN 'owner' WHEN grouping(stage_id) = 0 THEN 'stage' ELSE 'source' END AS kind,
       owner_id, pipeline_id, stage_id, attributed_source AS source, count(*) AS deals
  FROM deal
 WHERE outcome = 'open' OR (report_at >= :start AND report_at < :end)
 GROUP BY connector_id, GROUPING SETS ((owner_id), (pipeline_id, stage_id), (attributed_source))
"""

_ROWS = """
SELECT deal.connector_id, deal.hubspot_id, deal.name, deal.outcome, deal.pipeline_id, deal.stage_id, deal.owner_id,
       deal.attributed_source, deal.place_country_code, deal.place_country_text, deal.amount, deal.currency,
       deal.amount_home, deal.company_currency, deal.close_at, deal.report_at, company.name AS company
  FROM (
    SELECT * FROM deal
     WHERE CASE WHEN outcome = 'open' THEN CAST(:open_ones AS boolean) ELSE report_at >= :start AND report_at < :end END
     ORDER BY outcome = 'open', outcome = 'lost', report_at DESC NULLS LAST, connector_id, hubspot_id
     OFFSET :offset LIMIT :limit
  ) AS deal
  LEFT JOIN hubspot_crm_objects company
    ON company.connector_id = deal.connector_id AND company.object_type = 'companies'
   AND company.hubspot_id = deal.primary_company_id
 ORDER BY deal.outcome = 'open', deal.outcome = 'lost', deal.report_at DESC NULLS LAST, deal.connector_id,
          deal.hubspot_id
"""

_COMPANY_NAMES = """
SELECT company.connector_id, company.hubspot_id, company.name
  FROM unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, hubspot_id)
  JOIN hubspot_crm_objects AS company USING (connector_id, hubspot_id)
 WHERE company.object_type = 'companies' AND company.name IS NOT NULL
"""
