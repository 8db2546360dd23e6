"""The contacts that each figure of a lead report is made of, behind `contact` of `contacts.py`.

The report counts them, and an explanation lists them.
"""

from coppermind_pipeline.crm import FUNNEL_STAGES

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
SELECT {_last_stage(f"{_SINCE} <= :until")} AS place,
       {_last_stage(f"{_BEEN_IN} AND {_SINCE} IS NULL")} AS undated_place
"""

# The contacts that were created in the range, and what became of each. One in an open deal is not stuck, even if a
# filter keeps that deal out of the figures.
JUDGED = (
    IN_RANGE
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
     CROSS JOIN LATERAL (
           SELECT coalesce(lifecycle_stage = ANY(rule.lead_stages), false)
                  OR stages_entered && rule.lead_stages OR stages_seen && rule.lead_stages AS is_one) AS lead
)
"""
)

# The present stage is in neither list, so nobody knows when the contact entered it.
_STAGE_IS_UNDATED = """
lifecycle_stage IS NOT NULL AND lifecycle_stage <> ALL (stages_entered) AND lifecycle_stage <> ALL (stages_seen)
""".strip()

# Each entry of a contact into a stage in the range, or nobody knows when. Whoever can have none is told by the dates
# alone, without a row made of each; `unnest` fills up the shorter list of dates with nulls.
ENTRIES = f"""
, entry AS NOT MATERIALIZED (
    SELECT contact.*, entered.stage, entered.dated_at, entered.place > cardinality(stages_entered) AS is_seen,
           CASE WHEN entered.dated_at IS NOT NULL THEN <key> ELSE '' END AS key
      FROM contact
     CROSS JOIN LATERAL unnest(
           stages_entered || stages_seen || CASE WHEN {_STAGE_IS_UNDATED} THEN ARRAY[lifecycle_stage] ELSE '{{}}' END,
           stages_entered_at || stages_seen_at) WITH ORDINALITY AS entered (stage, dated_at, place)
     WHERE ((:start <= ANY (stages_entered_at) AND :end > ANY (stages_entered_at))
            OR (:start <= ANY (stages_seen_at) AND :end > ANY (stages_seen_at))
            OR array_position(stages_seen_at, NULL) IS NOT NULL
            OR ({_STAGE_IS_UNDATED}))
       AND (dated_at IS NULL OR (dated_at >= :start AND dated_at < :end))
)
"""

# Each step of a contact created in the range from a stage to the next, of which both dates are known.
STEP_DAYS = (
    IN_RANGE
    + f"""
, step AS (
    SELECT created.*, <key> AS key, place, CAST(next_at AT TIME ZONE CAST(:zone AS text) AS date)
                                        - CAST(entered_at AT TIME ZONE CAST(:zone AS text) AS date) AS days
      FROM created
     CROSS JOIN LATERAL (SELECT ARRAY[{", ".join(map(_SINCE.format, FUNNEL_STAGES))}] AS dates OFFSET 0) AS funnel
     CROSS JOIN generate_series(0, {len(FUNNEL_STAGES) - 2}) AS place
     CROSS JOIN LATERAL (SELECT dates[place + 1] AS entered_at, dates[place + 2] AS next_at) AS both_dates
     WHERE cardinality(stages_entered) + cardinality(stages_seen) > 1
       AND entered_at IS NOT NULL AND next_at IS NOT NULL
       AND (CAST(:until AS timestamptz) IS NULL OR greatest(entered_at, next_at) <= :until)
)
"""
)
