"""The contacts that each figure of a lead report is made of, behind `contact` of `contacts.py`.

The report counts them, and an explanation lists them.
"""

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.reports.question.days import day

IN_RANGE = """
, created AS (
    SELECT contact.*, created_at AS dated_at FROM contact WHERE created_at >= :start AND created_at < :end
)
"""

# A contact's present stage is one that it is known to have been in, even before its record was interpreted for that.
_BEEN_IN = "(lifecycle_stage = '{0}' OR '{0}' = ANY(stages_entered) OR '{0}' = ANY(stages_seen))"
_SINCE = """
coalesce(stages_entered_at[array_position(stages_entered, '{0}')], stages_seen_at[array_position(stages_seen, '{0}')])
""".strip()


def _last_stage(condition: str) -> str:
    """Return, as SQL, the place of the last stage of the funnel that meets the condition; 0 for none."""
    places = reversed([*enumerate(FUNNEL_STAGES, start=1)])
    return f"CASE {' '.join(f'WHEN {condition.format(stage)} THEN {place}' for place, stage in places)} ELSE 0 END"


# How far a contact got: to the last stage that it is known to have been in.
REACHED = f"SELECT {_last_stage(_BEEN_IN)} AS place, 0 AS undated_place"

# The same as of an earlier moment. Who is known to have been in a later stage, nobody knows when, may have been then.
REACHED_BY = f"""
SELECT {_last_stage("'{0}' = ANY(dated_by_then)")} AS place, {_last_stage("'{0}' = ANY(undated)")} AS undated_place
"""

# The present stage is in neither list, so nobody knows when the contact entered it.
_STAGE_IS_UNDATED = """
lifecycle_stage IS NOT NULL AND lifecycle_stage <> ALL (stages_entered) AND lifecycle_stage <> ALL (stages_seen)
""".strip()
_ITS_STAGE = f"CASE WHEN {_STAGE_IS_UNDATED} THEN ARRAY[lifecycle_stage] ELSE '{{}}' END"

# What `REACHED_BY` looks at: nearly always, all dates of a contact are of before.
STAGES_BY_THEN = f"""
CASE WHEN :until >= ALL (stages_entered_at || stages_seen_at) THEN stages_entered || stages_seen
     ELSE ARRAY(SELECT stage FROM unnest(stages_entered || stages_seen, stages_entered_at || stages_seen_at)
                               AS entered (stage, dated_at) WHERE dated_at <= :until) END AS dated_by_then,
CASE WHEN array_position(stages_seen_at, NULL) IS NULL THEN '{{}}'
     ELSE ARRAY(SELECT stage FROM unnest(stages_seen, stages_seen_at) AS seen (stage, dated_at)
                 WHERE dated_at IS NULL) END || {_ITS_STAGE} AS undated,
"""

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
    SELECT created.*, <key> AS key, <stages by then> in_open_deal.hubspot_id IS NOT NULL AS has_open_deal
      FROM created
      LEFT JOIN in_open_deal
        ON in_open_deal.connector_id = created.connector_id AND in_open_deal.hubspot_id = created.hubspot_id
)
"""
)


def judged(rows: str) -> str:
    """Return, as SQL, what became of each of `rows`: contacts of the cohort, or those of them that are alike."""
    return _JUDGED.replace("<rows>", rows)


_JUDGED = """
, rule AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rules AS jsonb))
               AS each (connector_id text, lead_stages text[], disqualified text[])
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
           SELECT coalesce(lifecycle_stage = ANY(rule.lead_stages), false)
                  OR stages_entered && rule.lead_stages OR stages_seen && rule.lead_stages AS is_one) AS lead
)
"""

# Each contact that was created in the range, with what became of it.
JUDGED = COHORT + judged("cohort")

# Each entry of a contact into a stage in the range, or nobody knows when. Whoever can have none is told by the dates
# alone, without a row made of each; the shorter list of dates is filled up with nulls.
ENTRIES = f"""
, entry AS NOT MATERIALIZED (
    SELECT each.*, dated_at IS NOT NULL AND stage = ANY(stages_seen) AS is_seen,
           coalesce(<key>, '') AS key
      FROM (SELECT contact.*, unnest(stages_entered || stages_seen || {_ITS_STAGE}) AS stage,
                   unnest(stages_entered_at || stages_seen_at) AS dated_at
              FROM contact
             WHERE (:start <= ANY (stages_entered_at) AND :end > ANY (stages_entered_at))
                OR (:start <= ANY (stages_seen_at) AND :end > ANY (stages_seen_at))
                OR array_position(stages_seen_at, NULL) IS NOT NULL
                OR ({_STAGE_IS_UNDATED})) AS each
     WHERE (dated_at >= :start) IS NOT FALSE AND (dated_at < :end) IS NOT FALSE
)
"""

# Each step of a contact created in the range from a stage to the next, of which both dates are known. `once` keeps the
# dates from being looked up again wherever they are named; behind `OFFSET 0` one process alone would do it.
STEP_DAYS = (
    IN_RANGE
    + f"""
, step AS (
    SELECT each.*, <key> AS key, place, {day("dates[place + 2]")} - {day("dates[place + 1]")} AS days
      FROM (SELECT created.*, ARRAY[{", ".join(map(_SINCE.format, FUNNEL_STAGES))}] AS dates,
                   generate_series(1, 1) AS once
              FROM created
             WHERE cardinality(stages_entered) + cardinality(stages_seen) > 1) AS each
     CROSS JOIN generate_series(0, {len(FUNNEL_STAGES) - 2}) AS place
     WHERE dates[place + 1] IS NOT NULL AND dates[place + 2] IS NOT NULL
       AND (CAST(:until AS timestamptz) IS NULL OR greatest(dates[place + 1], dates[place + 2]) <= :until)
)
"""
)
