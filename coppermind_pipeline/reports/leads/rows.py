"""The contacts that each figure of a lead report is made of, behind `contact` of `contacts.py`.

The report counts them, and an explanation lists them.
"""

from collections.abc import Collection, Mapping
from itertools import pairwise

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.reports.question.days import day
from coppermind_pipeline.reports.question.months import month_key

# What no internal value of a portal's own looks like.
NONE = "(none)"
# Nor like this an owner's id.
NO_OWNER = "none"

_COUNTRY_KEY = "coalesce(country_code, 'unrecognized:' || lower(country_text), 'unknown')"
_SOURCE_KEY = f"coalesce(source, '{NONE}')"

# The group of a contact, by the date (`dated_at`) that the measure at hand counts it by.
KEYS: Mapping[LeadGroupBy | None, str] = {
    None: "CAST('' AS text)",
    LeadGroupBy.SOURCE: _SOURCE_KEY,
    LeadGroupBy.SOURCE_DETAIL: f"{_SOURCE_KEY} || '/' || coalesce(source_detail_1, '{NONE}')",
    LeadGroupBy.COUNTRY: _COUNTRY_KEY,
    LeadGroupBy.REGION: f"{_COUNTRY_KEY} || '/' || coalesce(lower(region), 'unknown')",
    LeadGroupBy.OWNER: f"coalesce(owner_id, '{NO_OWNER}')",
    LeadGroupBy.LIFECYCLE_STAGE: "coalesce(lifecycle_stage, 'none')",
    LeadGroupBy.MONTH: month_key("dated_at"),
}

# What labels of groups are told from beside their keys, by the names that cells have it by.
_TOLD: Mapping[str, tuple[str, Collection[LeadGroupBy]]] = {
    "text": ("country_text", (LeadGroupBy.COUNTRY, LeadGroupBy.REGION)),
    "region": ("region", (LeadGroupBy.REGION,)),
    "detail": ("source_detail_1", (LeadGroupBy.SOURCE_DETAIL,)),
}


def told_of(group_by: LeadGroupBy | None) -> str:
    """Return the SQL of what the label of a group is told from beside its key: nothing of most."""
    return ", ".join(
        f"""{f'min({column} COLLATE "C")' if group_by in groups else "CAST(NULL AS text)"} AS {name}"""
        for name, (column, groups) in _TOLD.items()
    )


IN_RANGE = """
, created AS (
    SELECT contact.*, created_at AS dated_at FROM contact WHERE created_at >= :start AND created_at < :end
)
"""

# When a contact entered each stage of the funnel, and the bit that says of `been_in` that it has been in it.
FUNNEL_DATES = [f"{stage}_at" for stage in FUNNEL_STAGES]
FUNNEL_BITS = {stage: 1 << place for place, stage in enumerate(FUNNEL_STAGES)}


def _last_stage(bits: str) -> str:
    """Return, as SQL, the place of the last stage of the funnel that has its bit; 0 for none."""
    places = reversed([*enumerate(FUNNEL_BITS.values(), start=1)])
    return f"CASE {' '.join(f'WHEN {bits} >= {bit} THEN {place}' for place, bit in places)} ELSE 0 END"


def _stages_where(condition: str) -> str:
    """Return, as SQL, the bits of the stages of the funnel whose date meets the condition."""
    dates = zip(FUNNEL_DATES, FUNNEL_BITS.values(), strict=True)
    return " + ".join(f"CASE WHEN {date} {condition} THEN {bit} ELSE 0 END" for date, bit in dates)


# How far a contact got: to the last stage that it is known to have been in.
REACHED = f"SELECT {_last_stage('been_in')} AS place, 0 AS undated_place"

# The same as of an earlier moment. Who is known to have been in a later stage, nobody knows when, may have been then.
REACHED_BY = f"SELECT {_last_stage('dated_by_then')} AS place, {_last_stage('undated')} AS undated_place"

# What `REACHED_BY` looks at.
STAGES_BY_THEN = f"""
{_stages_where("<= :until")} AS dated_by_then, been_in - ({_stages_where("IS NOT NULL")}) AS undated,
"""

# Who is in an open deal. What leaks is asked as of now alone, and of an earlier cohort this says nothing.
OPEN_DEALS = """
  LEFT JOIN in_open_deal
    ON in_open_deal.connector_id = created.connector_id AND in_open_deal.hubspot_id = created.hubspot_id
"""
HAS_OPEN_DEAL = "in_open_deal.hubspot_id IS NOT NULL"

# The contacts that were created in the range. One in an open deal is not stuck, even if a filter keeps that deal out of
# the figures.
COHORT = (
    IN_RANGE
    + """
, in_open_deal AS (
    SELECT DISTINCT link.connector_id, link.to_id AS hubspot_id
      FROM hubspot_associations AS link
      JOIN <deals> AS deal
        ON deal.connector_id = link.connector_id AND deal.object_type = 'deals' AND deal.hubspot_id = link.from_id
     WHERE link.connector_id = ANY(:connectors) AND link.from_type = 'deals' AND link.to_type = 'contacts'
       AND <linked> AND deal.outcome = 'open'
), cohort AS (
    SELECT created.*, <key> AS key, <stages by then> <has open deal> AS has_open_deal
      FROM created <open deals>
)
"""
)


def judged(rows: str) -> str:
    """Return, as SQL, what became of each of `rows`: contacts of the cohort, or those of them that are alike."""
    return _JUDGED.replace("<rows>", rows)


_JUDGED = """
, rule AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rules AS jsonb))
               AS each (connector_id text, lead_stages text[], funnel_bits integer, disqualified text[])
), judged AS (
    SELECT <rows>.*, got.place, got.undated_place, lead.is_one,
           CASE WHEN lead.is_one
                THEN lead_leak(lead_status, lifecycle_stage, modified_at, has_open_deal, rule.disqualified, :postponed,
                               CAST(:stuck_stages AS text[]), :unchanged_since)
           END AS leak
      FROM <rows>
      JOIN rule ON rule.connector_id = <rows>.connector_id
     CROSS JOIN LATERAL (<reached>) AS got
     CROSS JOIN LATERAL (
           SELECT been_in & rule.funnel_bits > 0 OR coalesce(other_stages && rule.lead_stages, false) AS is_one) AS lead
)
"""

# Each contact that was created in the range, with what became of it.
JUDGED = COHORT + judged("cohort")

# True of whoever entered a stage in the range, or one nobody knows when; some others pass.
_MAY_HAVE_ENTERED = """
((last_entered_at >= :start AND first_entered_at < :end) OR undated_stages IS NOT NULL)
""".strip()

# Each entry of a contact into a stage in the range, or nobody knows when. The shorter list of dates is filled up with
# nulls; the present stage may be in neither list, so that nobody knows when the contact entered it.
ENTRIES = f"""
, entry AS NOT MATERIALIZED (
    SELECT each.*, dated_at IS NOT NULL AND stage = ANY(stages_seen) AS is_seen,
           coalesce(<key>, '') AS key
      FROM (SELECT contact.*, unnest(stages_entered_at || stages_seen_at) AS dated_at,
                   unnest(stages_entered || stages_seen
                          || CASE WHEN lifecycle_stage <> ALL (stages_entered || stages_seen)
                                  THEN ARRAY[lifecycle_stage] END) AS stage
              FROM contact
             WHERE {_MAY_HAVE_ENTERED}) AS each
     WHERE (dated_at >= :start) IS NOT FALSE AND (dated_at < :end) IS NOT FALSE
)
"""

_TOLD_OF_EACH = ", ".join(f"('{stage}', {bit}, told_of_{stage})" for stage, bit in FUNNEL_BITS.items())

# Contacts are added up once, with all stages of the funnel, and a row is made of each entry into another stage alone.
_ENTERED = f"""{ENTRIES}
, alike AS (
    SELECT connector_id, <own key> AS key, undated_stages, seen_in, count(*) AS contacts, <told of group>,
           <told of each>
      FROM contact
     WHERE {_MAY_HAVE_ENTERED}
     GROUP BY connector_id, undated_stages, seen_in, <alike by>
), funnel AS (
    SELECT connector_id, stage, seen_in & bit > 0 AS is_seen, text, region, detail, <key and contacts>
      FROM alike
     CROSS JOIN LATERAL (VALUES {_TOLD_OF_EACH}) AS each (stage, bit, told)
), added_up AS (
    SELECT connector_id, key, stage, true AS dated, entered AS contacts,
           CASE WHEN is_seen THEN entered ELSE 0 END AS seen, text, region, detail
      FROM funnel
     WHERE key IS NOT NULL AND entered > 0
     UNION ALL
    SELECT connector_id, key, unnest(undated_stages), false, contacts, 0, text, region, detail FROM alike
     UNION ALL
    SELECT connector_id, key, stage, true, count(*), count(*) FILTER (WHERE is_seen), <told of group>
      FROM entry
     WHERE other_stages IS NOT NULL AND last_entered_at >= :start AND first_entered_at < :end
       AND dated_at IS NOT NULL AND stage = ANY(other_stages)
     GROUP BY connector_id, key, stage
)
SELECT connector_id, key, stage, dated, CAST(sum(contacts) AS bigint) AS contacts, CAST(sum(seen) AS bigint) AS seen,
       min(text COLLATE "C") AS text, min(region COLLATE "C") AS region, min(detail COLLATE "C") AS detail
  FROM added_up
 GROUP BY connector_id, key, stage, dated
"""


def _entered(told: str, *, own_key: str, alike_by: str, key_and_contacts: str) -> str:
    """Return the statement that counts entries into stages.

    Args:
        told: of a stage of the funnel, what is told of contacts that are alike; `{0}` stands for its date.
        own_key: the key of the group that a contact is in.
        alike_by: what makes contacts alike, beside stages that nobody knows since when, and those that were seen.
        key_and_contacts: the key of a group, and how many entered a stage, by what is `told` of it.
    """
    of_each = [f"{told.format(at)} AS told_of_{stage}" for stage, at in zip(FUNNEL_STAGES, FUNNEL_DATES, strict=True)]
    parts = {"told of each": ", ".join(of_each), "own key": own_key, "alike by": alike_by}
    statement = _ENTERED
    for name, part in (parts | {"key and contacts": key_and_contacts}).items():
        statement = statement.replace(f"<{name}>", part)
    return statement


# How many contacts entered each stage in the range, or nobody knows when, by group.
ENTERED = _entered(
    "count(*) FILTER (WHERE {0} >= :start AND {0} < :end)",
    own_key="<key>",
    alike_by="<key>",
    key_and_contacts="key, told AS entered",
)

# The same by month of entry: alike are contacts that entered each stage in the same month, if in the range.
ENTERED_BY_MONTH = _entered(
    f"CASE WHEN {{0}} >= :start AND {{0}} < :end THEN {month_key('{0}')} END",
    own_key="''",
    alike_by=", ".join(f"told_of_{stage}" for stage in FUNNEL_STAGES),
    key_and_contacts="told AS key, contacts AS entered",
)

# Steps from a stage of the funnel to the next, by the place of the first from 0: the dates of both.
STEPS = list(enumerate(pairwise(FUNNEL_DATES)))
_OF_BOTH = ", ".join(f"({place}, {came}, {went})" for place, (came, went) in STEPS)


def step_days(came: str, went: str) -> str:
    """Return the SQL that says how many days a step took; null where a date is missing, or after `:until`."""
    return f"""
CASE WHEN {went} IS NOT NULL AND {came} IS NOT NULL
          AND (CAST(:until AS timestamptz) IS NULL OR greatest({came}, {went}) <= :until)
     THEN {day(went)} - {day(came)} END""".strip()


# Each step of a contact created in the range from a stage to the next, of which both dates are known.
STEP_DAYS = (
    IN_RANGE
    + f"""
, step AS (
    SELECT created.*, <key> AS key, place, days
      FROM created
     CROSS JOIN LATERAL (VALUES {_OF_BOTH}) AS each (place, came_at, went_at)
     CROSS JOIN LATERAL (SELECT {step_days("came_at", "went_at")} AS days) AS took
     WHERE days IS NOT NULL
)
"""
)
