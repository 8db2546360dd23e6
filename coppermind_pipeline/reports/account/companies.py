"""The company that is asked about, and those that it is to be chosen from."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import country_label
from coppermind_pipeline.memories import FoundCompany
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.account.models import CompanyBlock, CompanyChoice
from coppermind_pipeline.reports.account.subject import Subject, shown_name
from coppermind_pipeline.reports.trust.portals import SyncedPortal


def company_block(subject: Subject) -> CompanyBlock:
    """Return what the company is."""
    (row,) = _rows(subject.connection, [(subject.portal.connector_id, subject.company_id)])
    labels, for_client = subject.labels, subject.for_client
    industry = row.industry
    return CompanyBlock(
        company_id=None if for_client else row.hubspot_id,
        connector_id=None if for_client else row.connector_id,
        name=shown_name(row.name),
        domain=row.domain,
        place=_place(row),
        industry=None if industry is None else labels.industry(ObjectType.COMPANIES, industry).text,
        lifecycle_stage=labels.lifecycle_stage(ObjectType.COMPANIES, row.lifecycle_stage).text,
        lead_status=None if row.lead_status is None else labels.lead_status(ObjectType.COMPANIES, row.lead_status).text,
        owner=None if for_client else labels.owner(row.owner_id).text,
        created_at=row.created_at,
        last_change=row.modified_at,
        referenced_only=row.referenced_only,
        is_filtered=row.filtered_reason is not None,
        link=subject.link(ObjectType.COMPANIES, row.hubspot_id),
    )


def company_choices(
    connection: Connection, found: Sequence[FoundCompany], *, portals: Sequence[SyncedPortal], for_client: bool
) -> list[CompanyChoice]:
    """Return what tells companies of one name apart; `portals` are theirs."""
    by_id = {portal.connector_id: portal for portal in portals}
    return [
        CompanyChoice(
            company_id=None if for_client else row.hubspot_id,
            connector_id=None if for_client else row.connector_id,
            name=shown_name(row.name),
            domain=row.domain,
            place=_place(row),
            deals=row.deals,
            link=None if for_client else by_id[row.connector_id].record_url(ObjectType.COMPANIES, row.hubspot_id),
        )
        for row in _rows(connection, [(each.connector_id, each.hubspot_id) for each in found])
    ]


def _rows(connection: Connection, keys: Sequence[tuple[str, str]]) -> Sequence[Any]:
    values = {"connectors": [connector for connector, _ in keys], "ids": [hubspot_id for _, hubspot_id in keys]}
    return connection.execute(text(_COMPANIES), values).all()


def _place(row: Any) -> str | None:
    known = row.country_code or row.country_text
    country = country_label(row.country_code, row.country_text) if known else None
    return ", ".join(dict.fromkeys(each for each in (row.city, row.region, country) if each)) or None


_COMPANIES = """
SELECT company.*, deal.deals
  FROM unnest(CAST(:connectors AS text[]), CAST(:ids AS text[])) WITH ORDINALITY AS asked (connector_id, id, place)
 CROSS JOIN LATERAL (SELECT stored.* FROM live_records AS stored
                      WHERE stored.connector_id = asked.connector_id AND stored.object_type = 'companies'
                        AND stored.hubspot_id = asked.id OFFSET 0) AS company
 CROSS JOIN LATERAL (
       SELECT count(*) AS deals
         FROM (SELECT stored.from_id FROM hubspot_associations AS stored
                WHERE stored.connector_id = asked.connector_id AND stored.to_type = 'companies'
                  AND stored.to_id = asked.id AND stored.from_type = 'deals' AND stored.valid_to IS NULL
               OFFSET 0) AS association
        CROSS JOIN LATERAL (SELECT FROM live_records AS stored
                             WHERE stored.connector_id = asked.connector_id AND stored.object_type = 'deals'
                               AND stored.hubspot_id = association.from_id AND stored.filtered_reason IS NULL
                            OFFSET 0) AS deal) AS deal
 ORDER BY asked.place
"""
