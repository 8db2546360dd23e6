"""Listings: how far each type's pass through the portal's lists is, and which ids it has met."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope

Phase = Literal["live", "archived", "absent"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A pass through the lists of one type, under way.

    Attributes:
        phase: first the live list, then the archived one; then what is stored and in neither of them.
        after: in a list, the cursor of the next page; among the absent ids, the last one that was settled.
        pages: of both lists, so far.
    """

    object_type: ObjectType
    phase: Phase
    after: str | None
    pages: int


def begin_listing(connection: Connection, scope: Scope, object_type: ObjectType, *, every: timedelta) -> Listing | None:
    """Return the type's listing where it stands, or a new one if the last began `every` ago; None: not yet due."""
    of_type = scope.values(type=object_type, every=every)
    connection.execute(_BEGIN, of_type)
    row = connection.execute(_UNDER_WAY, of_type).one_or_none()
    return Listing(object_type, row.phase, row.after, row.pages) if row else None


_BEGIN = text(
    """INSERT INTO hubspot_reconciliations AS stored (connector_id, mind_id, object_type)
       VALUES (:connector, :mind, :type)
       ON CONFLICT (connector_id, object_type) DO UPDATE
          SET phase = 'live', after = NULL, pages = 0, counts = '{}', started_at = excluded.started_at,
              completed_at = NULL
        WHERE stored.completed_at IS NOT NULL AND stored.started_at <= clock_timestamp() - :every"""
)

_UNDER_WAY = text(
    """SELECT phase, after, pages FROM hubspot_reconciliations
        WHERE connector_id = :connector AND object_type = :type AND completed_at IS NULL"""
)


def note_page(
    connection: Connection, scope: Scope, listing: Listing, hubspot_ids: Sequence[str], *, after: str | None
) -> Listing:
    """Remember the ids of a page, in the transaction that stores what it brought; return the listing behind it."""
    connection.execute(
        _NOTE_PAGE, scope.values(type=listing.object_type, page=listing.pages, hubspot_ids=list(hubspot_ids))
    )
    following: dict[Phase, Phase] = {"live": "archived", "archived": "absent"}
    phase = listing.phase if after is not None else following[listing.phase]
    return _move(connection, scope, Listing(listing.object_type, phase, after, listing.pages + 1))


_NOTE_PAGE = text(
    """INSERT INTO hubspot_walked_pages (connector_id, mind_id, object_type, page, hubspot_ids)
       VALUES (:connector, :mind, :type, :page, :hubspot_ids)"""
)


def absent_ids(connection: Connection, scope: Scope, listing: Listing, *, most: int) -> list[str]:
    """Return the next ids that are stored, were not known to be gone for good, and are in none of the pages met.

    EXCEPT, because an anti-join is planned as a loop if the tables' statistics are not up to date.
    """
    return list(
        connection.scalars(_ABSENT, scope.values(type=listing.object_type, after=listing.after or "", most=most))
    )


_ABSENT = text(
    """SELECT hubspot_id FROM hubspot_crm_objects
        WHERE connector_id = :connector AND object_type = :type AND hubspot_id > :after
          AND merged_into IS NULL AND (archived_reason IS NULL OR archived_reason = 'archived')
       EXCEPT
       SELECT unnest(hubspot_ids) FROM hubspot_walked_pages
        WHERE connector_id = :connector AND object_type = :type
        ORDER BY hubspot_id LIMIT :most"""
)


def note_settled(connection: Connection, scope: Scope, listing: Listing, last_id: str) -> Listing:
    """Note that the absent ids up to this one are settled, in the transaction that settled them."""
    return _move(connection, scope, Listing(listing.object_type, listing.phase, last_id, listing.pages))


def count_found(connection: Connection, scope: Scope, object_type: ObjectType, found: dict[str, int]) -> None:
    """Add to what the type's listing found, by kind."""
    connection.execute(_COUNT_FOUND, scope.values(type=object_type, found=orjson.dumps(found).decode()))


_COUNT_FOUND = text(
    """UPDATE hubspot_reconciliations AS stored
          SET counts = stored.counts || (
              SELECT coalesce(jsonb_object_agg(key, CAST(value AS bigint)
                                                    + coalesce(CAST(stored.counts ->> key AS bigint), 0)), '{}')
                FROM jsonb_each_text(CAST(:found AS jsonb)) WHERE CAST(value AS bigint) > 0)
        WHERE connector_id = :connector AND object_type = :type"""
)


def complete_listing(connection: Connection, scope: Scope, listing: Listing) -> dict[str, int]:
    """Close the listing and forget its pages; return what it found, by kind."""
    of_type = scope.values(type=listing.object_type)
    connection.execute(
        text("DELETE FROM hubspot_walked_pages WHERE connector_id = :connector AND object_type = :type"), of_type
    )
    return connection.scalar(_COMPLETE, of_type) or {}


_COMPLETE = text(
    """UPDATE hubspot_reconciliations SET completed_at = clock_timestamp()
        WHERE connector_id = :connector AND object_type = :type RETURNING counts"""
)


def _move(connection: Connection, scope: Scope, listing: Listing) -> Listing:
    connection.execute(
        _MOVE,
        scope.values(type=listing.object_type, phase=listing.phase, after=listing.after, pages=listing.pages),
    )
    return listing


_MOVE = text(
    """UPDATE hubspot_reconciliations SET phase = :phase, after = :after, pages = :pages
        WHERE connector_id = :connector AND object_type = :type"""
)
