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
DEAL_COLUMNS = {
    "primary_company_id": "primary_company_id",
    "lead_contact_id": "lead_contact_id",
    "source": "attributed_source",
    "source_step": "attribution_step",
    "country_code": "place_country_code",
    "country_text": "place_country_text",
    "region": "place_region",
    "city": "place_city",
}


def deals_to_attribute(database: Database, connector: Connector, *, since: int, until: int) -> Generator[Sequence[str]]:
    """Yield the ids of the deals that changed in (since, until], or that are associated with a record that did.

    Deals that changed after `until` are left out: linking has attributed them since.
    """
    with database.mind(connector.mind_id) as connection:
        changed = connection.execution_options(yield_per=DEALS_AT_ONCE).scalars(
            _TO_ATTRIBUTE, {"connector": connector.id, "since": since, "until": until}
        )
        with closing(changed):
            yield from changed.partitions(DEALS_AT_ONCE)


# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.

_TO_ATTRIBUTE = text(
    """SELECT hubspot_id FROM hubspot_crm_objects
        WHERE connector_id = :connector AND object_type = 'deals' AND change_seq > :since AND change_seq <= :until
       UNION
       SELECT deal.hubspot_id
         FROM (SELECT object_type, hubspot_id FROM hubspot_crm_objects
                WHERE connector_id = :connector AND object_type <> 'deals'
                  AND change_seq > :since AND change_seq <= :until OFFSET 0) AS changed
        CROSS JOIN LATERAL (SELECT stored.from_id FROM hubspot_associations AS stored
                             WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                               AND stored.valid_to IS NULL AND stored.to_type = changed.object_type
                               AND stored.to_id = changed.hubspot_id OFFSET 0) AS association
        CROSS JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                             WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                               AND stored.hubspot_id = association.from_id AND stored.change_seq <= :until
                            OFFSET 0) AS deal"""
)


def attribute(connection: Connection, scope: Scope, deals: Sequence[str], *, associations_changed: bool = False) -> int:
    """Attribute the deals, write those that come out different, and return their number.

    Args:
        associations_changed: those of each of the deals, which gets a new change number whether it comes out different
            or not.
    """
    rows = connection.execute(_ATTRIBUTED_BY, scope.values(deals=list(deals)))
    written = []
    changed = 0
    for deal_id, of_deal in groupby(rows, key=lambda row: row.hubspot_id):
        ends = list(of_deal)
        before = tuple(getattr(ends[0], column) for column in DEAL_COLUMNS.values())
        attribution = crm.attribute(ends[0].deal_source, [end_of(row) for row in ends if row.to_id is not None])
        after = tuple(getattr(attribution, name) for name in DEAL_COLUMNS)
        changed += after != before
        if associations_changed or after != before:
            written.append((deal_id, *after))
    if written:
        copy_rows(connection, like="hubspot_crm_objects", columns=("hubspot_id", *DEAL_COLUMNS.values()), rows=written)
        connection.execute(_STORE_ATTRIBUTIONS, scope.values(deals=[deal_id for deal_id, *_ in written]))
    return changed


def end_of(row: Row[Any]) -> crm.Link:
    """Return a record that a deal is linked to, as attribution looks at it."""
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


_ATTRIBUTED_BY = text(
    f"""SELECT deal.hubspot_id, deal.source AS deal_source, {", ".join(f"deal.{c}" for c in DEAL_COLUMNS.values())},
               linked.object_type AS to_type, linked.hubspot_id AS to_id,
               {crm.PRIMARY_COMPANY_TYPE_ID} = ANY(association.type_ids) AS is_primary, linked.created_at,
               linked.source, linked.filtered_reason, linked.country_code, linked.country_text, linked.region,
               linked.city
          FROM unnest(CAST(:deals AS text[])) AS asked (id)
         CROSS JOIN LATERAL (SELECT stored.* FROM hubspot_crm_objects AS stored
                              WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                                AND stored.hubspot_id = asked.id OFFSET 0) AS deal
          LEFT JOIN LATERAL (SELECT stored.to_type, stored.to_id, stored.type_ids
                               FROM hubspot_associations AS stored
                              WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                                AND stored.from_id = asked.id AND stored.valid_to IS NULL OFFSET 0) AS association
                 ON true
          LEFT JOIN LATERAL (SELECT stored.* FROM live_records AS stored
                              WHERE stored.connector_id = :connector AND stored.object_type = association.to_type
                                AND stored.hubspot_id = association.to_id OFFSET 0) AS linked ON true
         ORDER BY deal.hubspot_id"""
)


# The deals are named twice: of the copied ones alone the planner has no idea how many they are.
_STORE_ATTRIBUTIONS = text(
    f"""UPDATE hubspot_crm_objects AS deal
           SET ({", ".join(DEAL_COLUMNS.values())}, change_seq)
             = ROW({", ".join(f"incoming.{column}" for column in DEAL_COLUMNS.values())}, nextval('change_seq'))
          FROM incoming
         WHERE connector_id = :connector AND object_type = 'deals' AND deal.hubspot_id = ANY(:deals)
           AND deal.hubspot_id = incoming.hubspot_id"""
)
