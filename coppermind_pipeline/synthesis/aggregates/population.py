"""The records that synthesis counts, laid out once for all aggregates: live, unfiltered, of one connector."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import POSTPONED_STATUS, STUCK_AFTER, STUCK_STAGES
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync import RECORDS_AS_OF


@dataclass(frozen=True, slots=True)
class Source:
    """Where the records are read from.

    Attributes:
        live: live records, as a part of a statement.
        known: all that are known, merged ones included.
        linked: the condition under which an association holds.
    """

    live: str
    known: str
    linked: str


STORE = Source(
    live="(SELECT * FROM live_records)",
    known="(SELECT * FROM hubspot_crm_objects)",
    linked="association.valid_to IS NULL",
)
# What `rebuild_as_of` has laid out.
HISTORY = Source(
    live=RECORDS_AS_OF,
    known=RECORDS_AS_OF,
    linked="association.valid_from <= :as_of AND (association.valid_to IS NULL OR association.valid_to > :as_of)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What decides which records count, and as what.

    Attributes:
        as_of: the moment that "overdue", "unchanged" and "the last 90 days" are reckoned from.
        estimated: `as_of` lies before the records were read: what was created since is left out, and a deal that
            closed since counts as open.
        zone: the report zone; days are its days.
        company_currency: the portal's, in which amounts of different currencies can be compared.
        disqualified_statuses: internal values of the lead status.
        lead_stages: the lifecycle stages from lead on.
    """

    connector_id: str
    as_of: datetime
    estimated: bool
    zone: ZoneInfo
    company_currency: str | None
    disqualified_statuses: Sequence[str]
    lead_stages: Sequence[str]
    source: Source = STORE


def lay_out(connection: Connection, population: Population) -> None:
    """Fill the temporary tables `counted_deals` and `counted_contacts`, which end with the transaction."""
    values = {
        "connector": population.connector_id,
        "as_of": population.as_of,
        "estimated": population.estimated,
        "zone": population.zone.key,
        "company_currency": population.company_currency,
        "disqualified": list(population.disqualified_statuses),
        "postponed": POSTPONED_STATUS,
        "lead_stages": list(population.lead_stages),
        "stuck_stages": list(STUCK_STAGES),
        "unchanged_since": population.as_of - STUCK_AFTER,
    }
    # Right after a first backfill the tables have no statistics: the planner takes them for empty, and would compare
    # each row of one with each of the other.
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    for statement in (_COUNT_DEALS, _COUNT_CONTACTS):
        connection.execute(text(statement.format(source=population.source)), values)
    connection.execute(text("SET LOCAL enable_nestloop TO DEFAULT"))
    connection.execute(text("ANALYZE counted_deals, counted_contacts"))


def filtered_records(connection: Connection, connector_id: str, source: Source) -> tuple[tuple[ObjectType, int], ...]:
    """Return how many live records the filters leave out, by type; referenced ones are not counted."""
    rows = connection.execute(text(_FILTERED.format(source=source)), {"connector": connector_id})
    return tuple((ObjectType(row.object_type), row.records) for row in rows)


# A company or contact that was merged stands for its survivor, so that a customer whose deals were not all re-linked
# yet counts once.
_COUNT_DEALS = """
CREATE TEMPORARY TABLE counted_deals ON COMMIT DROP AS
SELECT deal.hubspot_id, deal.name, deal.currency, deal.amount, deal.owner_id, deal.pipeline_id, deal.stage_id,
       deal.deal_type, deal.loss_reason,
       CASE WHEN deal.amount IS NULL THEN NULL
            WHEN deal.currency = :company_currency THEN deal.amount
            ELSE deal.amount_home END AS amount_home,
       deal.attributed_source AS source, deal.attribution_step,
       deal.primary_company_id AS company_id,
       coalesce('company ' || coalesce(company.merged_into, deal.primary_company_id),
                'contact ' || coalesce(contact.merged_into, deal.lead_contact_id)) AS customer,
       deal.place_country_code AS country_code, nullif(btrim(deal.place_country_text), '') AS country_text,
       nullif(btrim(deal.place_region), '') AS region, nullif(btrim(deal.place_city), '') AS city,
       CASE WHEN closed_since.it_did THEN 'open' ELSE deal.outcome END AS outcome,
       coalesce(deal.late_stage, false) AND NOT closed_since.it_did AS late_stage,
       closed.at AS close_at,
       (closed.at AT TIME ZONE :zone)::date AS close_day,
       days_to_close(deal.created_at, closed.at, :zone) AS days_to_close
  FROM {source.live} AS deal
 CROSS JOIN LATERAL (SELECT close_moment(deal.close_at, :zone) AS at) AS closed
 CROSS JOIN LATERAL (
       SELECT :estimated AND deal.outcome <> 'open' AND coalesce(closed.at >= :as_of, false) AS it_did)
       AS closed_since
  LEFT JOIN {source.known} AS company
    ON company.connector_id = deal.connector_id AND company.object_type = 'companies'
   AND company.hubspot_id = deal.primary_company_id
  LEFT JOIN {source.known} AS contact
    ON contact.connector_id = deal.connector_id AND contact.object_type = 'contacts'
   AND contact.hubspot_id = deal.lead_contact_id
 WHERE deal.connector_id = :connector AND deal.object_type = 'deals'
   AND deal.filtered_reason IS NULL
   AND NOT (:estimated AND coalesce(deal.created_at >= :as_of, false))
"""

# A contact in an open deal is not stuck, even if a filter keeps that deal out of the figures.
_COUNT_CONTACTS = """
CREATE TEMPORARY TABLE counted_contacts ON COMMIT DROP AS
WITH in_open_deal AS (
    SELECT DISTINCT association.to_id AS hubspot_id
      FROM hubspot_associations AS association
      JOIN {source.live} AS deal
        ON deal.connector_id = association.connector_id AND deal.object_type = 'deals'
       AND deal.hubspot_id = association.from_id
     WHERE association.connector_id = :connector AND association.from_type = 'deals'
       AND association.to_type = 'contacts' AND {source.linked}
       AND deal.outcome = 'open'
), contacts AS (
    SELECT contact.hubspot_id, contact.source, contact.lifecycle_stage, contact.lead_status, contact.modified_at,
           coalesce(contact.lifecycle_stage = ANY(:lead_stages), false)
           OR (contact.stages_entered || contact.stages_seen) && CAST(:lead_stages AS text[]) AS is_lead
      FROM {source.live} AS contact
     WHERE contact.connector_id = :connector AND contact.object_type = 'contacts' AND NOT contact.referenced_only
       AND contact.filtered_reason IS NULL
       AND NOT (:estimated AND coalesce(contact.created_at >= :as_of, false))
)
SELECT contacts.hubspot_id, source, is_lead,
       CASE WHEN is_lead THEN lead_leak(lead_status, lifecycle_stage, modified_at,
                                        in_open_deal.hubspot_id IS NOT NULL, CAST(:disqualified AS text[]), :postponed,
                                        CAST(:stuck_stages AS text[]), :unchanged_since) END AS leak
  FROM contacts LEFT JOIN in_open_deal ON in_open_deal.hubspot_id = contacts.hubspot_id
"""

_FILTERED = """
SELECT object_type, count(*) AS records FROM {source.live}
 WHERE connector_id = :connector AND filtered_reason IS NOT NULL AND NOT referenced_only
 GROUP BY object_type ORDER BY array_position(ARRAY['contacts', 'companies', 'deals'], object_type)
"""
