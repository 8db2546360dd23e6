"""Contacts as a lead report counts them: one set-based statement per question, however many contacts there are.

All statements share `_CONTACTS`: the live contacts of the connectors' windows, unfiltered unless asked otherwise. What
is made of each, the stages that it is known to have been in and since when, is said in `rows.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.crm import (
    FUNNEL_STAGES,
    OFFLINE,
    POSTPONED_STATUS,
    STUCK_AFTER,
    STUCK_STAGES,
    same_detail,
)
from coppermind_pipeline.reports.figures.measures import Days
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.reports.leads.rows import (
    COHORT,
    ENTERED,
    ENTERED_BY_MONTH,
    FUNNEL_BITS,
    FUNNEL_DATES,
    HAS_OPEN_DEAL,
    IN_RANGE,
    KEYS,
    NO_OWNER,
    NONE,
    OPEN_DEALS,
    REACHED,
    REACHED_BY,
    STAGES_BY_THEN,
    STEPS,
    judged,
    step_days,
    told_of,
)
from coppermind_pipeline.reports.question.days import day_values
from coppermind_pipeline.reports.question.months import month_values
from coppermind_pipeline.sync import CONTACTS_AS_OF, DEALS_AS_OF

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
                  "funnel_bits": sum(bit for stage, bit in FUNNEL_BITS.items() if stage in each.lead_stages),
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
            "postponed": POSTPONED_STATUS,
            "stuck_stages": list(STUCK_STAGES),
            "unchanged_since": self.clock - STUCK_AFTER,
            "offline": OFFLINE,
            **day_values(self.zone, self.start, max(self.end, self.clock)),
            **(month_values(self.zone, self.start, self.end) if self.group_by is LeadGroupBy.MONTH else {}),
        } | more

    def statement(self, statement: str) -> str:
        """Return a statement about these contacts, with where they are read and what they are grouped by filled in."""
        then, earlier = self.as_of is not None, self.followed_until is not None
        contacts = _CONTACTS.replace("<source>", CONTACTS_AS_OF if then else "live_contacts")
        for name, part in (
            ("<key>", KEYS[self.group_by]),
            ("<reached>", REACHED_BY if earlier else REACHED),
            ("<stages by then>", STAGES_BY_THEN if earlier else ""),
            ("<by then>", "dated_by_then, undated," if earlier else ""),
            ("<has open deal>", "false" if earlier else HAS_OPEN_DEAL),
            ("<open deals>", "" if earlier else OPEN_DEALS),
            ("<told of group>", told_of(self.group_by)),
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
        key: of the group that readers see; `stored_key` is what the store groups by, which several may share.
        text, region: what was typed as country and region, where a label needs it.
        detail: the drill-down of their source.
    """

    connector_id: str
    key: str
    stored_key: str
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
    stored_key: str
    stage: str
    dated: bool
    contacts: int
    seen: int
    text: str | None
    region: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class LabelUse:
    """How many contacts created in the range show a source or lifecycle stage, or owner where owners are the groups."""

    connector_id: str
    kind: str
    contacts: int
    owner: str | None = None
    source: str | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The contacts that were created in the range, by connector and group, and the labels that they show."""

    cells: Sequence[CreatedCell]
    label_uses: Sequence[LabelUse]


def created(connection: Connection, selection: LeadSelection) -> Created:
    """Return the contacts that were created in the range, added up."""
    cells: list[CreatedCell] = []
    uses: list[LabelUse] = []
    for found in connection.execute(text(selection.statement(_CREATED_CELLS)), selection.values()).mappings():
        row = dict(found)
        kind, source, stage = (row.pop(name) for name in ("kind", "source", "stage"))
        if kind == "group":
            cells.append(CreatedCell(**_of_group(row, selection)))
        else:
            uses.append(LabelUse(row["connector_id"], kind, row["contacts"], source=source, stage=stage))
    if selection.group_by is LeadGroupBy.OWNER:
        uses += [
            LabelUse(cell.connector_id, "owner", cell.contacts, owner=None if cell.key == NO_OWNER else cell.key)
            for cell in cells
        ]
    return Created(cells, uses)


def youngest(connection: Connection, selection: LeadSelection) -> datetime | None:
    """Return when the last of the contacts created in the range was created."""
    return connection.scalar(text(selection.statement(_YOUNGEST)), selection.values())


def entered(connection: Connection, selection: LeadSelection) -> list[EnteredCell]:
    """Return how many contacts entered each stage in the range, whenever they were created, by connector and group."""
    statement = ENTERED_BY_MONTH if selection.group_by is LeadGroupBy.MONTH else ENTERED
    rows = connection.execute(text(selection.statement(statement)), selection.values()).mappings()
    return [EnteredCell(**_of_group(row, selection)) for row in rows]


def _of_group(row: Mapping[Any, Any], selection: LeadSelection) -> Mapping[str, Any]:
    """Return a cell's values with the key of its group: drill-downs that read alike are one."""
    key = row["key"]
    if selection.group_by is LeadGroupBy.SOURCE_DETAIL:
        source, _, _ = key.partition("/")
        key = f"{source}/{same_detail(None if source == NONE else source, row['detail']) or NONE}"
    return {**row, "key": key, "stored_key": row["key"]}


def days_between_stages(
    connection: Connection, selection: LeadSelection, kept: Mapping[GroupKey, GroupKey], *, other: str
) -> tuple[StepDays, Mapping[GroupKey, StepDays]]:
    """Return the days between stages of the contacts created in the range, and by group; those not `kept` are other.

    Args:
        kept: the group of each stored key.
    """
    values = selection.values(
        kept_connectors=[connector for connector, _ in kept], kept_keys=[key for _, key in kept], other=other
    )
    stored: defaultdict[GroupKey, dict[int, Days]] = defaultdict(dict)
    for row in connection.execute(text(selection.statement(_STEPS)), values):
        days = Days(Counter(dict(zip(row.days, row.contacts, strict=True))))
        stored[row.connector_id, row.bucket][row.place] = days
    by_group: defaultdict[GroupKey, list[StepDays]] = defaultdict(list)
    for key, steps in stored.items():
        by_group[kept.get(key, key)].append(steps)
    return all_steps(stored.values()), {group: all_steps(steps) for group, steps in by_group.items()}


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


_LINKED_THEN = "link.valid_from <= :as_of AND (link.valid_to IS NULL OR link.valid_to > :as_of)"

# Columns as they are stored: what is worked out of them here would be worked out again wherever it is named.
_CONTACTS = f"""
WITH contact AS NOT MATERIALIZED (
    SELECT c.connector_id, c.hubspot_id, c.created_at, c.modified_at, c.source, c.source_detail_1, c.owner_id,
           c.lifecycle_stage, c.lead_status, c.country_code, c.country_text, c.region, c.stages_entered,
           c.stages_entered_at, c.stages_seen, c.stages_seen_at, c.been_in, c.seen_in, c.other_stages,
           c.undated_stages, c.first_entered_at, c.last_entered_at, {", ".join(f"c.{date}" for date in FUNNEL_DATES)}
      FROM <source> AS c
     WHERE c.connector_id = ANY(:connectors) AND c.object_type = 'contacts' AND NOT c.referenced_only
       AND (CAST(:include_filtered AS boolean) OR c.filtered_reason IS NULL)
)
"""

# Looked up from the end of the range, by the index that begins with the connector.
_YOUNGEST = """
SELECT max(youngest.created_at)
  FROM unnest(CAST(:connectors AS text[])) AS each (connector_id)
 CROSS JOIN LATERAL (
    SELECT created_at
      FROM contact
     WHERE connector_id = each.connector_id AND created_at >= :start AND created_at < :end
     ORDER BY created_at DESC LIMIT 1) AS youngest
"""

_COUNT = "coalesce(CAST(sum(contacts) FILTER (WHERE {}) AS bigint), 0)"
_PLACES = range(1, len(FUNNEL_STAGES) + 1)

_ALIKE = "connector_id, key, source, lifecycle_stage, lead_status, been_in, other_stages, <by then> has_open_deal"

# Contacts are added up once, by what is known of them, so that what became of them is worked out for those few sums; on
# which side of `unchanged_since` they were modified is the same for all of one. The labels that they show are told of
# in the same pass.
_CREATED_CELLS = (
    COHORT
    + f"""
, alike AS (
    SELECT {_ALIKE}, max(modified_at) AS modified_at, count(*) AS contacts, max(created_at) AS youngest,
           <told of group>
      FROM cohort
     GROUP BY {_ALIKE}, modified_at <= :unchanged_since
)
{judged("alike")}
SELECT CASE WHEN grouping(key) = 0 THEN 'group' WHEN grouping(source) = 0 THEN 'source' ELSE 'lifecycle stage' END
       AS kind, connector_id, key, source, lifecycle_stage AS stage, CAST(sum(contacts) AS bigint) AS contacts,
       {_COUNT.format("source = :offline")} AS offline,
       max(youngest) AS youngest,
       ARRAY[{", ".join(_COUNT.format(f"place >= {place}") for place in _PLACES)}] AS reached,
       ARRAY[{", ".join(_COUNT.format(f"place < {place} AND undated_place >= {place}") for place in _PLACES)}]
       AS undated,
       {_COUNT.format("is_one")} AS leads, {_COUNT.format("leak = 'disqualified'")} AS disqualified,
       {_COUNT.format("leak = 'postponed'")} AS postponed, {_COUNT.format("leak = 'stuck'")} AS stuck,
       min(text COLLATE "C") AS text, min(region COLLATE "C") AS region, min(detail COLLATE "C") AS detail
  FROM judged
 GROUP BY connector_id, GROUPING SETS ((key), (source), (lifecycle_stage))
"""
)


# Contacts whose steps took as long are added up first: most have few steps, or made several at once.
_STEPS = (
    IN_RANGE
    + f"""
, alike AS (
    SELECT created.connector_id, coalesce(kept.key, :other) AS bucket, count(*) AS contacts,
           {", ".join(f"{step_days(*dates)} AS days_{place}" for place, dates in STEPS)}
      FROM created
      LEFT JOIN unnest(CAST(:kept_connectors AS text[]), CAST(:kept_keys AS text[])) AS kept (connector_id, key)
        ON kept.connector_id = created.connector_id AND kept.key = <key>
     WHERE been_in & (been_in - 1) > 0
     GROUP BY 1, 2, {", ".join(f"days_{place}" for place, _ in STEPS)}
), counted AS (
    SELECT connector_id, bucket, place, days, CAST(sum(contacts) AS bigint) AS contacts
      FROM alike
     CROSS JOIN LATERAL (VALUES {", ".join(f"({place}, days_{place})" for place, _ in STEPS)}) AS step (place, days)
     WHERE days IS NOT NULL
     GROUP BY connector_id, bucket, place, days
)
SELECT connector_id, bucket, place, array_agg(days) AS days, array_agg(contacts) AS contacts
  FROM counted
 GROUP BY connector_id, bucket, place
"""
)

_UNDATED = "SELECT count(*) FROM contact WHERE created_at IS NULL"
