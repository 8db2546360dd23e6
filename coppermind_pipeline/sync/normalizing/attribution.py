"""Attribution: each deal's company, lead, source and place, by what it is associated with."""

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope, copy_rows

DEALS_AT_ONCE = 1_000

# The fields of `crm.Attribution`, as columns of a deal.
_COLUMNS = {
    "primary_company_id": "primary_company_id",
    "lead_contact_id": "lead_contact_id",
    "source": "attributed_source",
    "source_step": "attribution_step",
    "country_code": "place_country_code",
    "country_text": "place_country_text",
    "region": "place_region",
    "city": "place_city",
}


def deals_to_attribute(database: Database, connector: Connector, *, since: int) -> Generator[Sequence[str]]:
    """Yield the ids of the deals that changed after `since`, or that are associated with a record that did."""
    with database.mind(connector.mind_id) as connection:
        changed = connection.execution_options(yield_per=DEALS_AT_ONCE).scalars(
            _TO_ATTRIBUTE, {"connector": connector.id, "since": since}
        )
        with closing(changed):
            yield from changed.partitions(DEALS_AT_ONCE)


_TO_ATTRIBUTE = text(
    """SELECT hubspot_id FROM hubspot_crm_objects
        WHERE connector_id = :connector AND object_type = 'deals' AND change_seq > :since
       UNION
       SELECT association.from_id FROM hubspot_crm_objects AS linked
         JOIN hubspot_associations AS association
           ON association.connector_id = linked.connector_id AND association.to_type = linked.object_type
          AND association.to_id = linked.hubspot_id AND association.valid_to IS NULL
        WHERE linked.connector_id = :connector AND linked.object_type <> 'deals'
          AND linked.change_seq > :since"""
)


def attribute(connection: Connection, scope: Scope, deals: Sequence[str]) -> int:
    """Attribute the deals, write those that come out different, and return their number."""
    rows = connection.execute(_ATTRIBUTED_BY, scope.values(deals=list(deals)))
    changed = []
    for deal_id, of_deal in groupby(rows, key=lambda row: row.hubspot_id):
        ends = list(of_deal)
        before = tuple(getattr(ends[0], column) for column in _COLUMNS.values())
        attribution = crm.attribute(ends[0].deal_source, [_end(row) for row in ends if row.to_id is not None])
        after = tuple(getattr(attribution, name) for name in _COLUMNS)
        if after != before:
            changed.append((deal_id, *after))
    if changed:
        copy_rows(connection, like="hubspot_crm_objects", columns=("hubspot_id", *_COLUMNS.values()), rows=changed)
        connection.execute(_STORE_ATTRIBUTIONS, scope.values())
    return len(changed)


_ATTRIBUTED_BY = text(
    f"""SELECT deal.hubspot_id, deal.source AS deal_source, {", ".join(f"deal.{c}" for c in _COLUMNS.values())},
               linked.object_type AS to_type, linked.hubspot_id AS to_id,
               {crm.PRIMARY_COMPANY_TYPE_ID} = ANY(association.type_ids) AS is_primary, linked.created_at,
               linked.source, linked.filtered_reason, linked.country_code, linked.country_text, linked.region,
               linked.city
          FROM hubspot_crm_objects AS deal
          LEFT JOIN hubspot_associations AS association
            ON association.connector_id = deal.connector_id AND association.from_type = 'deals'
           AND association.from_id = deal.hubspot_id AND association.valid_to IS NULL
          LEFT JOIN live_records AS linked
            ON linked.connector_id = deal.connector_id AND linked.object_type = association.to_type
           AND linked.hubspot_id = association.to_id
         WHERE deal.connector_id = :connector AND deal.object_type = 'deals' AND deal.hubspot_id = ANY(:deals)
         ORDER BY deal.hubspot_id"""
)


_STORE_ATTRIBUTIONS = text(
    f"""UPDATE hubspot_crm_objects AS deal
           SET ({", ".join(_COLUMNS.values())}, change_seq)
             = ROW({", ".join(f"incoming.{column}" for column in _COLUMNS.values())}, nextval('change_seq'))
          FROM incoming
         WHERE connector_id = :connector AND object_type = 'deals' AND deal.hubspot_id = incoming.hubspot_id"""
)


def _end(row: Row[Any]) -> crm.Link:
    return crm.Link(
        to_type=ObjectType(row.to_type),
        to_id=row.to_id,
        is_primary=bool(row.is_primary),
        created_at=row.created_at,
        source=row.source,
        filtered_reason=row.filtered_reason,
        country_code=row.country_code,
        country_text=row.country_text,
        region=row.region,
        city=row.city,
    )
