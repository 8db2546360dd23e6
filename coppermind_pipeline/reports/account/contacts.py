"""The people who are known at a company: its own, and those on the deals that it is associated with."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.account.models import ContactPage, ContactRow, ContactsDeal
from coppermind_pipeline.reports.account.request import ContactPlace
from coppermind_pipeline.reports.account.subject import Subject, shown_name
from coppermind_pipeline.reports.account.tied_deals import DEALS_OF_COMPANY

DEALS_PER_CONTACT_MAX = 3
_LABELS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountContacts:
    """A page of the contacts, the place of each row, and whether more are behind it.

    Attributes:
        left_out: how many others the connector's filters leave out.
    """

    page: ContactPage
    places: list[ContactPlace]
    more: bool
    left_out: int


def contacts_of(subject: Subject, *, after: ContactPlace | None, rows_max: int) -> AccountContacts:
    """Return a page of the contacts, which begins behind a place; a client is shown none of them."""
    shown_max = 0 if subject.for_client else rows_max
    values = subject.values(
        # One more than is shown tells whether there are more.
        rows_max=shown_max and shown_max + 1,
        deals_max=DEALS_PER_CONTACT_MAX,
        after_rank=None if after is None else after.rank,
        after_modified_at=None if after is None else after.modified_at,
        after_id=None if after is None else after.contact_id,
    )
    found = subject.connection.execute(text(_CONTACTS), values).all()
    counts = found[0]
    people = [row for row in found if row.contact_id is not None]
    shown = people[:shown_max]
    page = ContactPage(
        total=counts.total,
        own_company=counts.of_own_company,
        by_deals_alone=counts.total - counts.of_own_company,
        writing_its_name=counts.writing_its_name,
        rows=[_row(subject, row) for row in shown],
        next_cursor=None,
    )
    return AccountContacts(
        page=page,
        places=[ContactPlace(rank=row.rank, modified_at=row.placed_at, contact_id=row.contact_id) for row in shown],
        more=len(people) > len(shown),
        left_out=counts.left_out,
    )


def _row(subject: Subject, row: Any) -> ContactRow:
    return ContactRow(
        contact_id=row.contact_id,
        name=shown_name(row.name),
        job_title=shown_name(row.job_title),
        email=row.email,
        lifecycle_stage=subject.labels.lifecycle_stage(ObjectType.CONTACTS, row.lifecycle_stage).text,
        owner=subject.labels.owner(row.owner_id).text,
        last_change=row.modified_at,
        own_company=row.own_company,
        company=None if row.own_company else shown_name(row.other_company or row.company_name),
        deals_total=row.deals,
        deals=[
            ContactsDeal(
                deal_id=deal["id"],
                name=shown_name(deal["name"]),
                outcome=deal["outcome"],
                labels=[label for each in deal["labels"][:_LABELS_MAX] if (label := shown_name(each))],
                of_other_company=not deal["is_own"],
            )
            for deal in row.ties or ()
        ],
        referenced_only=row.referenced_only,
        is_filtered=row.is_filtered,
        link=subject.link(ObjectType.CONTACTS, row.contact_id),
    )


# A filtered deal ties nobody to the company, unless filtered records are asked for.
_CONTACTS = f"""
{DEALS_OF_COMPANY}
, tie AS MATERIALIZED (
    SELECT association.to_id AS contact_id, association.labels, deal.hubspot_id AS deal_id, deal.name, deal.outcome,
           deal.closes_at, deal.is_own
      FROM deal
     CROSS JOIN LATERAL (SELECT stored.to_id, stored.labels FROM hubspot_associations AS stored
                          WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                            AND stored.from_id = deal.hubspot_id AND stored.to_type = 'contacts'
                            AND stored.valid_to IS NULL OFFSET 0) AS association
     WHERE CAST(:include_filtered AS boolean) OR NOT deal.is_filtered
), known AS MATERIALIZED (
    SELECT each.contact_id, bool_or(each.own_company) AS own_company, count(each.deal_id) AS deals,
           bool_or(each.is_own) AS on_own_deal, bool_or(each.is_own AND each.outcome = 'open') AS on_open_deal,
           max(each.modified_at) AS modified_at, bool_or(each.is_filtered) AS is_filtered
      FROM (SELECT own.hubspot_id AS contact_id, NOT own.by_name AS own_company, NULL AS deal_id, NULL AS outcome,
                   false AS is_own, own.modified_at, own.is_filtered
              FROM contacts_of_company(:connector, :company) AS own
            UNION ALL
            SELECT contact_id, false, deal_id, outcome, is_own, NULL, NULL FROM tie) AS each
     GROUP BY each.contact_id
), contact AS MATERIALIZED (
    SELECT live.*, live.own_company OR live.deals > 0 AS is_tied,
           CAST(:include_filtered AS boolean) OR NOT live.is_filtered AS is_shown
      FROM (SELECT * FROM known WHERE is_filtered IS NOT NULL
            UNION ALL
            SELECT known.contact_id, known.own_company, known.deals, known.on_own_deal, known.on_open_deal,
                   record.modified_at, record.filtered_reason IS NOT NULL
              FROM known
             CROSS JOIN LATERAL (SELECT stored.modified_at, stored.filtered_reason FROM live_records AS stored
                                  WHERE stored.connector_id = :connector AND stored.object_type = 'contacts'
                                    AND stored.hubspot_id = known.contact_id OFFSET 0) AS record
             WHERE known.is_filtered IS NULL) AS live
), placed AS MATERIALIZED (
    SELECT *
      FROM (SELECT contact.*,
                   CASE WHEN on_open_deal THEN 0 WHEN on_own_deal THEN 1 WHEN own_company THEN 2 ELSE 3 END AS rank
              FROM contact WHERE is_tied AND is_shown) AS every
     WHERE CAST(:after_id AS text) IS NULL
        OR (rank, modified_at IS NULL, coalesce(-extract(epoch FROM modified_at), 0), length(contact_id), contact_id)
         > (CAST(:after_rank AS bigint), CAST(:after_modified_at AS timestamptz) IS NULL,
            coalesce(-extract(epoch FROM CAST(:after_modified_at AS timestamptz)), 0), length(CAST(:after_id AS text)),
            CAST(:after_id AS text))
     ORDER BY rank, modified_at DESC NULLS LAST, length(contact_id), contact_id
     LIMIT :rows_max
), first_tie AS (
    SELECT first.contact_id,
           jsonb_agg(jsonb_build_object('id', first.deal_id, 'name', first.name, 'outcome', first.outcome,
                                        'is_own', first.is_own,
                                        'labels', ARRAY(SELECT label FROM unnest(first.labels) AS label
                                                         WHERE label <> 'Primary' ORDER BY label))
                     ORDER BY first.place) AS ties
      FROM (SELECT tie.*, row_number() OVER (
                       PARTITION BY tie.contact_id
                       ORDER BY tie.is_own DESC, tie.outcome <> 'open', tie.closes_at DESC NULLS LAST,
                                length(tie.deal_id), tie.deal_id) AS place
              FROM tie WHERE tie.contact_id IN (SELECT placed.contact_id FROM placed)) AS first
     WHERE first.place <= :deals_max
     GROUP BY first.contact_id
)
SELECT counts.*, page.*
  FROM (SELECT count(*) FILTER (WHERE is_tied AND is_shown) AS total,
               count(*) FILTER (WHERE own_company AND is_shown) AS of_own_company,
               count(*) FILTER (WHERE NOT is_tied AND is_shown) AS writing_its_name,
               count(*) FILTER (WHERE is_tied AND NOT is_shown) AS left_out
          FROM contact) AS counts
  LEFT JOIN LATERAL (
       SELECT placed.rank, placed.modified_at AS placed_at, placed.contact_id, placed.own_company, placed.deals,
              placed.is_filtered, record.name,
              record.job_title, record.email, record.lifecycle_stage, record.owner_id, record.modified_at,
              record.company_name, record.referenced_only, other.name AS other_company, first_tie.ties
         FROM placed
        CROSS JOIN LATERAL (SELECT stored.* FROM live_records AS stored
                             WHERE stored.connector_id = :connector AND stored.object_type = 'contacts'
                               AND stored.hubspot_id = placed.contact_id OFFSET 0) AS record
         LEFT JOIN LATERAL (
              SELECT living.name
                FROM (SELECT coalesce(stored.merged_into, stored.hubspot_id) AS hubspot_id
                        FROM hubspot_crm_objects AS stored
                       WHERE stored.connector_id = :connector AND stored.object_type = 'companies'
                         AND stored.hubspot_id = record.properties ->> 'associatedcompanyid' OFFSET 0) AS survivor
               CROSS JOIN LATERAL (SELECT stored.name FROM live_records AS stored
                                    WHERE stored.connector_id = :connector AND stored.object_type = 'companies'
                                      AND stored.hubspot_id = survivor.hubspot_id OFFSET 0) AS living
              ) AS other ON NOT placed.own_company
         LEFT JOIN first_tie ON first_tie.contact_id = placed.contact_id) AS page ON true
 ORDER BY page.rank, page.placed_at DESC NULLS LAST, length(page.contact_id), page.contact_id
"""
