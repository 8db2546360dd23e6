"""Reads subjects from the store, a batch per statement: what changed, and the deals that a change concerns."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal, Named, Origin, Place, Standing
from coppermind_pipeline.object_types import ObjectType

CONTACTS_NAMED_MAX = 5
COMPANIES_NAMED_MAX = 4  # the primary one included


def changed_until(connection: Connection, connector_id: str, *, after: int, records_max: int) -> int | None:
    """Return the change number that ends the next batch of changes after `after`; None where there is none.

    The records of one change number are never split, so that a batch may be larger than asked for.
    """
    return connection.scalar(
        text(_CHANGED_UNTIL), {"connector": connector_id, "after": after, "records_max": records_max}
    )


def changed_records(
    connection: Connection,
    connector_id: str,
    object_types: Iterable[ObjectType],
    *,
    after: int,
    until: int,
    mapped_until: int,
) -> list[Contact | Company]:
    """Return the contacts and companies with a change number in (after, until], and the contacts that name one of them.

    Those that name none in words of their own have their company from the association, which may be to one that was
    merged into it; of them only those that have not changed themselves since `mapped_until`, as the others have their
    turn anyway.
    """
    values = {"connector": connector_id, "types": list(object_types), "after": after, "until": until,
              "mapped_until": mapped_until}  # fmt: skip
    return [_record(row) for row in connection.execute(text(_CHANGED_RECORDS), values).all()]


def concerned_deals(
    connection: Connection,
    connector_id: str,
    *,
    after: int,
    until: int,
    mapped_until: int,
    rules: str,
    after_id: str,
    deals_max: int,
) -> list[str]:
    """Return the next ids of deals that the changes in (after, until] concern, ascending as text.

    Those are the changed deals, and the deals that name a changed contact or company; of the latter only those that
    have not changed themselves since `mapped_until`, as the others have their turn anyway. Deals that were mapped ahead
    by these rules are passed over.
    """
    values = {"connector": connector_id, "after": after, "until": until, "mapped_until": mapped_until, "rules": rules,
              "after_id": after_id, "deals_max": deals_max}  # fmt: skip
    return list(connection.scalars(text(_CONCERNED_DEALS), values))


def late_deals_closing(
    connection: Connection, connector_id: str, *, since: date, before: date, after_id: str, deals_max: int
) -> list[str]:
    """Return the next ids of open deals in a late stage that close in [since, before) in some zone, ascending."""
    day = timedelta(days=1)
    values = {"connector": connector_id, "start": datetime.combine(since - day, time(), UTC), "after_id": after_id,
              "end": datetime.combine(before + day, time(), UTC), "deals_max": deals_max}  # fmt: skip
    return list(connection.scalars(text(_LATE_DEALS_CLOSING), values))


def read_subjects(
    connection: Connection, connector_id: str, object_type: ObjectType, ids: Sequence[str]
) -> Sequence[Contact | Company | Deal]:
    """Return the named records of a type; deals with the companies and contacts that they name."""
    if not ids:
        return ()
    if object_type == ObjectType.DEALS:
        return _read_deals(connection, connector_id, ids)
    values = {"connector": connector_id, "type": object_type, "ids": list(ids)}
    return [_record(row) for row in connection.execute(text(_NAMED_RECORDS), values).all()]


def _read_deals(connection: Connection, connector_id: str, ids: Sequence[str]) -> list[Deal]:
    values = {"connector": connector_id, "ids": list(ids), "contacts_max": CONTACTS_NAMED_MAX,
              "companies_max": COMPANIES_NAMED_MAX}  # fmt: skip
    linked: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(text(_LINKED), values).all():
        linked[row.deal_id, row.to_type].append(row)
    return [
        _deal(row, linked[row.hubspot_id, "companies"], linked[row.hubspot_id, "contacts"])
        for row in connection.execute(text(_DEALS), values).all()
    ]


def _record(row: Any) -> Contact | Company:
    return _contact(row) if row.object_type == ObjectType.CONTACTS else _company(row)


def _contact(row: Any) -> Contact:
    return Contact(
        **_common(row),
        origin=_origin_of(row.source, row.source_detail_1, row.source_detail_2),
        place=_place(row),
        lifecycle_stage=row.lifecycle_stage,
        lead_status=row.lead_status,
        email=row.email,
        job_title=row.job_title,
        company_name=row.company_name or row.associated_company,
    )


def _company(row: Any) -> Company:
    return Company(
        **_common(row),
        origin=_origin_of(row.source, row.source_detail_1, row.source_detail_2),
        place=_place(row),
        lifecycle_stage=row.lifecycle_stage,
        lead_status=row.lead_status,
        domain=row.domain,
        industry=row.industry,
        employees=row.employees,
        annual_revenue=row.annual_revenue,
    )


def _deal(row: Any, companies: list[Any], contacts: list[Any]) -> Deal:
    own_source = row.attribution_step == "deal"
    primary = next((_named(each) for each in companies if each.is_primary), None)
    return Deal(
        **_common(row),
        origin=_origin_of(
            row.attributed_source,
            row.source_detail_1 if own_source else None,
            row.source_detail_2 if own_source else None,
        ),
        amount=row.amount,
        currency=row.currency,
        amount_home=row.amount_home,
        pipeline_id=row.pipeline_id,
        stage_id=row.stage_id,
        outcome=row.outcome or "open",
        late_stage=bool(row.late_stage),
        probability=row.probability,
        stage_probability=row.stage_probability,
        close_at=row.close_at,
        entered_stage_at=row.entered_stage_at,
        loss_reason=row.loss_reason,
        won_reason=row.won_reason,
        deal_type=row.deal_type,
        source_step=row.attribution_step,
        company=primary,
        other_companies=tuple(_named(each) for each in companies if not each.is_primary),
        contacts=tuple(_named(each) for each in contacts),
        companies_count=companies[0].total if companies else 0,
        contacts_count=contacts[0].total if contacts else 0,
    )


def _common(row: Any) -> dict[str, Any]:
    return {
        "hubspot_id": row.hubspot_id,
        "read_at": row.read_at,
        "standing": _standing_of(row.gone, row.filtered_reason, referenced_only=row.referenced_only),
        "created_at": row.created_at,
        "name": row.name,
        "owner_id": row.owner_id,
    }


def _place(row: Any) -> Place:
    return _place_of(row.city, row.region, row.country_code, row.country_text)


def _named(row: Any) -> Named:
    return Named(name=row.name, job_title=row.job_title, place=_place(row), labels=tuple(row.labels))


# Many records share each of these.


@lru_cache(maxsize=1_024)
def _place_of(city: str | None, region: str | None, country_code: str | None, country_text: str | None) -> Place:
    return Place(city=city, region=region, country_code=country_code, country_text=country_text)


@lru_cache(maxsize=1_024)
def _origin_of(source: str | None, detail_1: str | None, detail_2: str | None) -> Origin:
    return Origin(source=source, detail_1=detail_1, detail_2=detail_2)


@lru_cache(maxsize=1_024)
def _standing_of(archived_reason: str | None, filtered_reason: str | None, *, referenced_only: bool) -> Standing:
    return Standing(archived_reason=archived_reason, filtered_reason=filtered_reason, referenced_only=referenced_only)


_CHANGED_UNTIL = """
SELECT max(change_seq) FROM (
    SELECT change_seq FROM hubspot_crm_objects WHERE connector_id = :connector AND change_seq > :after
     ORDER BY change_seq LIMIT :records_max) AS batch
"""

_COMMON = """
record.object_type, record.hubspot_id, record.read_at, record.filtered_reason, record.referenced_only,
record.created_at, record.name, record.owner_id, record.source_detail_1, record.source_detail_2,
CASE WHEN record.merged_into IS NOT NULL THEN 'merged'
     WHEN record.archived_at IS NOT NULL THEN coalesce(record.archived_reason, 'archived')
     ELSE record.archived_reason END AS gone
"""

_OF_RECORDS = f"""
SELECT {_COMMON}, record.source, record.city, record.region, record.country_code, record.country_text,
       record.lifecycle_stage, record.lead_status, record.email, record.job_title, record.company_name, record.domain,
       record.industry,
       CASE WHEN record.object_type = 'companies' THEN record.properties ->> 'numberofemployees' END AS employees,
       CASE WHEN record.object_type = 'companies' THEN record.properties ->> 'annualrevenue' END AS annual_revenue,
       associated.name AS associated_company
"""

_ASSOCIATED = """
  LEFT JOIN LATERAL (
       SELECT company.name
         FROM (SELECT coalesce(known.merged_into, known.hubspot_id) AS hubspot_id FROM hubspot_crm_objects AS known
                WHERE known.connector_id = :connector AND known.object_type = 'companies'
                  AND known.hubspot_id = record.properties ->> 'associatedcompanyid' OFFSET 0) AS survivor
        CROSS JOIN LATERAL (SELECT living.name FROM live_records AS living
                             WHERE living.connector_id = :connector AND living.object_type = 'companies'
                               AND living.hubspot_id = survivor.hubspot_id OFFSET 0) AS company
  ) AS associated ON record.object_type = 'contacts' AND record.company_name IS NULL
"""

_RECORDS = f"{_OF_RECORDS} FROM hubspot_crm_objects AS record {_ASSOCIATED}"

_RECORDS_OF_COMPANIES = f"""
{_OF_RECORDS}
  FROM contacts_of_companies(:connector, ARRAY(
       SELECT DISTINCT called.id
         FROM (SELECT company.hubspot_id FROM hubspot_crm_objects AS company
                WHERE company.connector_id = :connector AND company.object_type = 'companies' AND :mapped_until > 0
                  AND company.change_seq > :after AND company.change_seq <= :until OFFSET 0) AS changed
        CROSS JOIN LATERAL (SELECT changed.hubspot_id
                            UNION ALL
                            SELECT merged.hubspot_id FROM hubspot_crm_objects AS merged
                             WHERE merged.connector_id = :connector AND merged.object_type = 'companies'
                               AND merged.merged_into = changed.hubspot_id OFFSET 0) AS called (id))) AS contact
 CROSS JOIN LATERAL (SELECT stored.* FROM hubspot_crm_objects AS stored
                      WHERE stored.connector_id = :connector AND stored.object_type = 'contacts'
                        AND stored.hubspot_id = contact.hubspot_id AND stored.change_seq <= :mapped_until
                     OFFSET 0) AS record
{_ASSOCIATED}
"""  # noqa: S608 - our own list of columns

# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.

_CHANGED_RECORDS = f"""
{_RECORDS}
 WHERE record.connector_id = :connector AND record.object_type = ANY(:types)
   AND record.change_seq > :after AND record.change_seq <= :until
UNION ALL
{_RECORDS_OF_COMPANIES}
"""

_NAMED_RECORDS = f"""
{_RECORDS}
 WHERE record.connector_id = :connector AND record.object_type = :type AND record.hubspot_id = ANY(:ids)
"""

# A deal whose text was queued ahead by the same rules, with all changes of its own and of what it names.
_MAPPED_AHEAD = """
EXISTS (SELECT FROM deals_mapped_ahead AS ahead
          JOIN hubspot_crm_objects AS deal
            ON deal.connector_id = ahead.connector_id AND deal.object_type = 'deals'
           AND deal.hubspot_id = ahead.hubspot_id AND deal.change_seq <= ahead.change_seq
         WHERE ahead.connector_id = :connector AND ahead.hubspot_id = concerned.id AND ahead.rules = :rules
           AND NOT EXISTS (
               SELECT FROM hubspot_associations AS association
                CROSS JOIN LATERAL (SELECT stored.change_seq FROM hubspot_crm_objects AS stored
                                     WHERE stored.connector_id = :connector
                                       AND stored.object_type = association.to_type
                                       AND stored.hubspot_id = association.to_id OFFSET 0) AS named
                WHERE association.connector_id = :connector AND association.from_type = 'deals'
                  AND association.from_id = ahead.hubspot_id AND association.valid_to IS NULL
                  AND named.change_seq > ahead.change_seq))
"""

_CONCERNED_DEALS = f"""
SELECT id FROM (
    SELECT hubspot_id AS id FROM hubspot_crm_objects
     WHERE connector_id = :connector AND object_type = 'deals' AND change_seq > :after AND change_seq <= :until
    UNION
    SELECT deal.hubspot_id FROM (
           SELECT object_type, hubspot_id FROM hubspot_crm_objects
            WHERE connector_id = :connector AND object_type <> 'deals' AND :mapped_until > 0
              AND change_seq > :after AND change_seq <= :until OFFSET 0) AS changed
     CROSS JOIN LATERAL (SELECT stored.from_id FROM hubspot_associations AS stored
                          WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                            AND stored.valid_to IS NULL AND stored.to_type = changed.object_type
                            AND stored.to_id = changed.hubspot_id OFFSET 0) AS association
     CROSS JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                          WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                            AND stored.hubspot_id = association.from_id AND stored.change_seq <= :mapped_until
                         OFFSET 0) AS deal
) AS concerned
 WHERE NOT {_MAPPED_AHEAD}
   AND id COLLATE "C" > CAST(:after_id AS text) COLLATE "C" ORDER BY id COLLATE "C" LIMIT :deals_max
"""  # noqa: S608 - our own condition

_LATE_DEALS_CLOSING = """
SELECT hubspot_id FROM hubspot_crm_objects
 WHERE connector_id = :connector AND object_type = 'deals' AND outcome = 'open' AND late_stage
   AND close_at >= :start AND close_at < :end AND hubspot_id COLLATE "C" > CAST(:after_id AS text) COLLATE "C"
 ORDER BY hubspot_id COLLATE "C" LIMIT :deals_max
"""

_DEALS = f"""
SELECT {_COMMON}, record.amount, record.currency, record.amount_home, record.pipeline_id, record.stage_id,
       record.outcome, record.late_stage, record.probability, record.stage_probability, record.close_at,
       record.entered_stage_at, record.loss_reason, record.won_reason, record.deal_type, record.attributed_source,
       record.attribution_step
  FROM hubspot_crm_objects AS record
 WHERE record.connector_id = :connector AND record.object_type = 'deals' AND record.hubspot_id = ANY(:ids)
"""  # noqa: S608 - our own list of columns

# A link to a merged record speaks of the one that it became. Filtered contacts are not named.
_LINKED = """
SELECT * FROM (
    SELECT named.*, count(*) OVER (PARTITION BY deal_id, to_type) AS total,
           row_number() OVER (PARTITION BY deal_id, to_type
                              ORDER BY is_primary DESC, created_at NULLS LAST, length(hubspot_id), hubspot_id) AS place
      FROM (
        SELECT DISTINCT ON (association.from_id, association.to_type, record.hubspot_id)
               association.from_id AS deal_id, association.to_type, record.hubspot_id, record.name, record.job_title,
               record.city, record.region, record.country_code, record.country_text, record.created_at,
               ARRAY(SELECT label FROM unnest(association.labels) AS label
                      WHERE label <> 'Primary' ORDER BY label) AS labels,
               coalesce(association.to_type = 'companies'
                        AND deal.primary_company_id IN (linked.hubspot_id, record.hubspot_id), false) AS is_primary
          FROM unnest(CAST(:ids AS text[])) AS asked (id)
         CROSS JOIN LATERAL (SELECT stored.primary_company_id FROM hubspot_crm_objects AS stored
                              WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                                AND stored.hubspot_id = asked.id OFFSET 0) AS deal
         CROSS JOIN LATERAL (SELECT stored.* FROM hubspot_associations AS stored
                              WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                                AND stored.from_id = asked.id AND stored.valid_to IS NULL OFFSET 0) AS association
         CROSS JOIN LATERAL (SELECT stored.hubspot_id, coalesce(stored.merged_into, stored.hubspot_id) AS current_id
                               FROM hubspot_crm_objects AS stored
                              WHERE stored.connector_id = :connector AND stored.object_type = association.to_type
                                AND stored.hubspot_id = association.to_id OFFSET 0) AS linked
         CROSS JOIN LATERAL (SELECT stored.* FROM live_records AS stored
                              WHERE stored.connector_id = :connector AND stored.object_type = association.to_type
                                AND stored.hubspot_id = linked.current_id OFFSET 0) AS record
         WHERE (record.filtered_reason IS NULL OR record.object_type = 'companies')
         ORDER BY association.from_id, association.to_type, record.hubspot_id,
                  association.to_id = record.hubspot_id DESC
      ) AS named
) AS ranked
 WHERE place <= CASE to_type WHEN 'contacts' THEN :contacts_max ELSE :companies_max END
 ORDER BY deal_id, to_type, place
"""
