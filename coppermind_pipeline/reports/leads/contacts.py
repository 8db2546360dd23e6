"""Contacts as a lead report counts them: one set-based statement per question, however many contacts there are.

All statements share `_CONTACTS`: the live contacts of the connectors' windows, unfiltered unless asked otherwise, each
with the stages that it is known to have been in and when it entered them (null: unknown).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.crm import FUNNEL_STAGES, OFFLINE, POSTPONED_STATUS, STUCK_AFTER, STUCK_STAGES
from coppermind_pipeline.reports.figures.measures import Days
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.sync import CONTACTS_AS_OF, DEALS_AS_OF

# What no internal value of a portal's own looks like.
NONE = "(none)"

GroupKey = tuple[str, str]

# Days from a stage of the funnel, by its place from 0, to the next, of contacts that have both dates.
StepDays = Mapping[int, Days]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRules:
    """What is a lead in one portal, and which statuses disqualify it."""

    connector_id: str
    lead_stages: Sequence[str]
    disqualified: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSelection:
    """Which contacts are asked about.

    Attributes:
        start, end: of the range, in UTC.
        clock: the moment that stuck leads are judged by.
        followed_until: until when it counts what became of them; None: until now.
        as_of: the records are those of that time, which `lay_over_store` has laid out.
    """

    rules: Sequence[LeadRules]
    start: datetime
    end: datetime
    clock: datetime
    zone: str
    include_filtered: bool
    group_by: LeadGroupBy | None = None
    as_of: datetime | None = None
    followed_until: datetime | None = None

    def between(self, start: datetime, end: datetime) -> "LeadSelection":
        """Return the same selection for another range."""
        return replace(self, start=start, end=end)

    def until(self, moment: datetime | None) -> "LeadSelection":
        """Return the same contacts, followed until another moment."""
        return replace(self, followed_until=moment)

    def values(self, **more: Any) -> dict[str, Any]:
        """Return what the statements bind."""
        rules = [{"connector_id": each.connector_id, "lead_stages": list(each.lead_stages),
                  "disqualified": list(each.disqualified)} for each in self.rules]  # fmt: skip
        return {
            "connectors": [each.connector_id for each in self.rules],
            "rules": orjson.dumps(rules).decode(),
            "start": self.start,
            "end": self.end,
            "zone": self.zone,
            "include_filtered": self.include_filtered,
            "as_of": self.as_of,
            "until": self.followed_until,
            "funnel": list(FUNNEL_STAGES),
            "postponed": POSTPONED_STATUS,
            "stuck_stages": list(STUCK_STAGES),
            "unchanged_since": self.clock - STUCK_AFTER,
            "offline": OFFLINE,
        } | more

    def statement(self, statement: str) -> str:
        """Return a statement about these contacts, with where they are read and what they are grouped by filled in."""
        then = self.as_of is not None
        contacts = _CONTACTS.replace("<source>", CONTACTS_AS_OF if then else "live_contacts")
        for name, part in (
            ("<key>", _KEYS[self.group_by]),
            ("<reached>", _REACHED if self.followed_until is None else _REACHED_BY),
            ("<deals>", DEALS_AS_OF if then else "live_deals"),
            ("<linked>", _LINKED_THEN if then else "link.valid_to IS NULL"),
        ):
            statement = statement.replace(name, part)
        return contacts + statement


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedCell:
    """The contacts of one connector and group that were created in the range, straight from the store.

    Attributes:
        reached: how many had reached each stage of the funnel; `undated` reached it, nobody knows when.
        text, region: what was typed as country and region, where a label needs it.
        detail: the drill-down of their source.
    """

    connector_id: str
    key: str
    contacts: int
    offline: int
    youngest: datetime
    reached: Sequence[int]
    undated: Sequence[int]
    leads: int
    disqualified: int
    postponed: int
    stuck: int
    text: str | None
    region: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredCell:
    """How many contacts of one connector and group entered a stage in the range; without a date: whenever that was.

    `seen`: those that are dated by the first version in that stage.
    """

    connector_id: str
    key: str
    stage: str
    dated: bool
    contacts: int
    seen: int
    text: str | None
    region: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelUse:
    """How many contacts created in the range show one owner, source or lifecycle stage."""

    connector_id: str
    kind: str
    owner: str | None
    source: str | None
    stage: str | None
    contacts: int


def created(connection: Connection, selection: LeadSelection) -> list[CreatedCell]:
    """Return the contacts that were created in the range, by connector and group."""
    rows = connection.execute(text(selection.statement(_CREATED_CELLS)), selection.values()).mappings()
    return [CreatedCell(**row) for row in rows]


def youngest(connection: Connection, selection: LeadSelection) -> datetime | None:
    """Return when the last of the contacts created in the range was created."""
    return connection.scalar(text(selection.statement(_YOUNGEST)), selection.values())


def entered(connection: Connection, selection: LeadSelection) -> list[EnteredCell]:
    """Return how many contacts entered each stage in the range, whenever they were created, by connector and group."""
    rows = connection.execute(text(selection.statement(_ENTERED)), selection.values()).mappings()
    return [EnteredCell(**row) for row in rows]


def days_between_stages(
    connection: Connection, selection: LeadSelection, kept: Iterable[GroupKey], *, other: str
) -> tuple[StepDays, Mapping[GroupKey, StepDays]]:
    """Return the days between stages of the contacts created in the range, and by group; those not `kept` are other."""
    pairs = list(kept)
    values = selection.values(
        kept_connectors=[connector for connector, _ in pairs], kept_keys=[key for _, key in pairs], other=other
    )
    by_group: defaultdict[GroupKey, dict[int, Days]] = defaultdict(dict)
    for row in connection.execute(text(selection.statement(_STEPS)), values):
        days = Days(Counter(dict(zip(row.days, row.contacts, strict=True))))
        by_group[row.connector_id, row.bucket][row.place] = days
    return all_steps(by_group.values()), by_group


def all_steps(groups: Iterable[StepDays]) -> StepDays:
    """Return the days between stages of the contacts of several groups."""
    found: defaultdict[int, Days] = defaultdict(Days)
    for steps in groups:
        for place, days in steps.items():
            found[place] += days
    return found


def undated(connection: Connection, selection: LeadSelection) -> int:
    """Count the contacts that have no create date, hence are new in no range."""
    return connection.execute(text(selection.statement(_UNDATED)), selection.values()).scalar_one()


def label_uses(connection: Connection, selection: LeadSelection) -> list[LabelUse]:
    """Return each distinct internal value that the contacts created in the range show a label of."""
    rows = connection.execute(text(selection.statement(_LABEL_USES)), selection.values()).mappings()
    return [LabelUse(**row) for row in rows]


_LINKED_THEN = "link.valid_from <= :as_of AND (link.valid_to IS NULL OR link.valid_to > :as_of)"

# A contact's present stage is one that it is known to have been in, even before its record was interpreted for that.
# `unnest` fills up the shorter list of dates with nulls.
_CONTACTS = """
WITH contact AS NOT MATERIALIZED (
    SELECT c.connector_id, c.hubspot_id, c.created_at, c.modified_at, c.source, c.source_detail_1, c.owner_id,
           c.lifecycle_stage, c.lead_status, c.country_code, c.country_text, c.region,
           cardinality(c.stages_entered) AS by_hubspot,
           c.stages_entered || c.stages_seen
           || CASE WHEN c.lifecycle_stage IS NOT NULL
                    AND c.lifecycle_stage <> ALL (c.stages_entered || c.stages_seen)
                   THEN ARRAY[c.lifecycle_stage] ELSE '{}' END AS stages,
           c.stages_entered_at || c.stages_seen_at AS stages_at
      FROM <source> AS c
     WHERE c.connector_id = ANY(:connectors) AND c.object_type = 'contacts' AND NOT c.referenced_only
       AND (CAST(:include_filtered AS boolean) OR c.filtered_reason IS NULL)
)
"""

_COUNTRY_KEY = "coalesce(country_code, 'unrecognized:' || lower(country_text), 'unknown')"
_SOURCE_KEY = f"coalesce(source, '{NONE}')"

# The group of a contact, by the date (`dated_at`) that the measure at hand counts it by.
_KEYS: Mapping[LeadGroupBy | None, str] = {
    None: "CAST('' AS text)",
    LeadGroupBy.SOURCE: _SOURCE_KEY,
    LeadGroupBy.SOURCE_DETAIL: f"{_SOURCE_KEY} || '/' || coalesce(source_detail_1, '{NONE}')",
    LeadGroupBy.COUNTRY: _COUNTRY_KEY,
    LeadGroupBy.REGION: f"{_COUNTRY_KEY} || '/' || coalesce(lower(region), 'unknown')",
    LeadGroupBy.OWNER: "coalesce(owner_id, 'none')",
    LeadGroupBy.LIFECYCLE_STAGE: "coalesce(lifecycle_stage, 'none')",
    LeadGroupBy.MONTH: "to_char(dated_at AT TIME ZONE CAST(:zone AS text), 'YYYY-MM')",
}

_OF_GROUP = """
min(country_text COLLATE "C") AS text, min(region COLLATE "C") AS region, min(source_detail_1 COLLATE "C") AS detail"""

_IN_RANGE = """
, created AS (
    SELECT contact.*, created_at AS dated_at FROM contact WHERE created_at >= :start AND created_at < :end
)
"""

_YOUNGEST = _IN_RANGE + "SELECT max(created_at) FROM created"

# How far a contact got: the place of the last stage of the funnel that it is known to have been in, 0 for none.
_REACHED = """
SELECT CASE WHEN 'customer' = ANY(stages) THEN 5 WHEN 'opportunity' = ANY(stages) THEN 4
            WHEN 'salesqualifiedlead' = ANY(stages) THEN 3 WHEN 'marketingqualifiedlead' = ANY(stages) THEN 2
            WHEN 'lead' = ANY(stages) THEN 1 ELSE 0 END AS place,
       0 AS undated_place
"""

# The same as of an earlier moment. Who is known to have been in a later stage, nobody knows when, may have been then.
_REACHED_BY = """
SELECT coalesce(max(got.place) FILTER (WHERE got.at <= :until), 0) AS place,
       coalesce(max(got.place) FILTER (WHERE got.at IS NULL), 0) AS undated_place
  FROM (SELECT array_position(CAST(:funnel AS text[]), entry.stage) AS place, entry.at
          FROM unnest(stages, stages_at) AS entry (stage, at)) AS got
"""

# The contacts that were created in the range, and what became of each. One in an open deal is not stuck, even if a
# filter keeps that deal out of the figures.
JUDGED = (
    _IN_RANGE
    + """
, in_open_deal AS (
    SELECT DISTINCT link.connector_id, link.to_id AS hubspot_id
      FROM hubspot_associations AS link
      JOIN <deals> AS deal
        ON deal.connector_id = link.connector_id AND deal.object_type = 'deals' AND deal.hubspot_id = link.from_id
     WHERE link.connector_id = ANY(:connectors) AND link.from_type = 'deals' AND link.to_type = 'contacts'
       AND <linked> AND deal.outcome = 'open'
), rule AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rules AS jsonb))
               AS each (connector_id text, lead_stages text[], disqualified text[])
), judged AS (
    SELECT created.*, <key> AS key, got.place, got.undated_place, lead.is_one,
           CASE WHEN lead.is_one
                THEN lead_leak(lead_status, lifecycle_stage, modified_at, in_open_deal.hubspot_id IS NOT NULL,
                               rule.disqualified, :postponed, CAST(:stuck_stages AS text[]), :unchanged_since)
           END AS leak
      FROM created
      JOIN rule ON rule.connector_id = created.connector_id
      LEFT JOIN in_open_deal
        ON in_open_deal.connector_id = created.connector_id AND in_open_deal.hubspot_id = created.hubspot_id
     CROSS JOIN LATERAL (<reached>) AS got
     CROSS JOIN LATERAL (SELECT stages && rule.lead_stages AS is_one) AS lead
)
"""
)

_CREATED_CELLS = (
    JUDGED
    + """
SELECT connector_id, key, count(*) AS contacts, count(*) FILTER (WHERE source = :offline) AS offline,
       max(created_at) AS youngest,
       ARRAY[count(*) FILTER (WHERE place >= 1), count(*) FILTER (WHERE place >= 2), count(*) FILTER (WHERE place >= 3),
             count(*) FILTER (WHERE place >= 4), count(*) FILTER (WHERE place >= 5)] AS reached,
       ARRAY[count(*) FILTER (WHERE place < 1 AND undated_place >= 1),
             count(*) FILTER (WHERE place < 2 AND undated_place >= 2),
             count(*) FILTER (WHERE place < 3 AND undated_place >= 3),
             count(*) FILTER (WHERE place < 4 AND undated_place >= 4),
             count(*) FILTER (WHERE place < 5 AND undated_place >= 5)] AS undated,
       count(*) FILTER (WHERE is_one) AS leads,
       count(*) FILTER (WHERE leak = 'disqualified') AS disqualified,
       count(*) FILTER (WHERE leak = 'postponed') AS postponed,
       count(*) FILTER (WHERE leak = 'stuck') AS stuck,"""
    + _OF_GROUP
    + """
  FROM judged GROUP BY connector_id, key
"""
)

# Each entry of a contact into a stage in the range, or nobody knows when.
ENTRIES = """
, entry AS NOT MATERIALIZED (
    SELECT contact.*, entered.stage, entered.dated_at, entered.place,
           CASE WHEN entered.dated_at IS NOT NULL THEN <key> ELSE '' END AS key
      FROM contact
     CROSS JOIN LATERAL unnest(stages, stages_at) WITH ORDINALITY AS entered (stage, dated_at, place)
     WHERE dated_at IS NULL OR (dated_at >= :start AND dated_at < :end)
)
"""

_ENTERED = f"""{ENTRIES}
SELECT connector_id, key, stage, dated_at IS NOT NULL AS dated, count(*) AS contacts,
       count(*) FILTER (WHERE dated_at IS NOT NULL AND place > by_hubspot) AS seen,{_OF_GROUP}
  FROM entry
 GROUP BY connector_id, key, stage, dated_at IS NOT NULL
"""

_DATE_OF = "stages_at[array_position(stages, '{}')]"

# Each step of a contact created in the range from a stage to the next, of which both dates are known.
STEP_DAYS = (
    _IN_RANGE
    + """
, step AS (
    SELECT created.*, <key> AS key, place, CAST(next_at AT TIME ZONE CAST(:zone AS text) AS date)
                                        - CAST(entered_at AT TIME ZONE CAST(:zone AS text) AS date) AS days
      FROM created
     CROSS JOIN LATERAL (VALUES """
    + ", ".join(
        f"({place}, {_DATE_OF.format(stage)}, {_DATE_OF.format(following)})"
        for place, (stage, following) in enumerate(pairwise(FUNNEL_STAGES))
    )
    + """) AS both_dates (place, entered_at, next_at)
     WHERE entered_at IS NOT NULL AND next_at IS NOT NULL
       AND (CAST(:until AS timestamptz) IS NULL OR greatest(entered_at, next_at) <= :until)
)
"""
)

_STEPS = (
    STEP_DAYS
    + """
, bucketed AS (
    SELECT step.connector_id, coalesce(kept.key, :other) AS bucket, place, days
      FROM step
      LEFT JOIN unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, key)
        ON kept.connector_id = step.connector_id AND kept.key = step.key
), counted AS (
    SELECT connector_id, bucket, place, days, count(*) AS contacts
      FROM bucketed
     GROUP BY connector_id, bucket, place, days
)
SELECT connector_id, bucket, place, array_agg(days) AS days, array_agg(contacts) AS contacts
  FROM counted
 GROUP BY connector_id, bucket, place
"""
)

_UNDATED = "SELECT count(*) FROM contact WHERE created_at IS NULL"

_LABEL_USES = (
    _IN_RANGE
    + """
SELECT connector_id, CASE WHEN grouping(owner_id) = 0 THEN 'owner' WHEN grouping(source) = 0 THEN 'source'
                          ELSE 'lifecycle stage' END AS kind,
       owner_id AS owner, source, lifecycle_stage AS stage, count(*) AS contacts
  FROM created
 GROUP BY connector_id, GROUPING SETS ((owner_id), (source), (lifecycle_stage))
"""
)
