"""What tests of memories do again and again: map, drain, look at what is stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from coppermind_pipeline.memories import Drained, Mapped, drain, map_records
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


def mapped(portal: StoredPortal, *, deals: bool = True, now: datetime = NOW) -> Mapped:
    return map_records(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id, deals=deals, now=now)


def drained(portal: StoredPortal) -> Drained:
    return drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)


def published(portal: StoredPortal) -> Drained:
    mapped(portal)
    return drained(portal)


def rows(portal: StoredPortal, statement: str, **values: Any) -> Sequence[Row[Any]]:
    with portal.database.mind(portal.mind_id) as connection:
        return connection.execute(text(statement), {"connector": portal.connector_id, **values}).all()


def live(portal: StoredPortal) -> dict[str, tuple[str, str]]:
    """Return type and content of the live memories by the last two parts of their source refs, as `deals:1`."""
    found = rows(
        portal,
        "SELECT source_ref, type, content FROM memories WHERE superseded_at IS NULL AND retired_at IS NULL ORDER BY 1",
    )
    return {row.source_ref.split(":", 2)[2]: (row.type, row.content) for row in found}


def retired(portal: StoredPortal) -> dict[str, str]:
    found = rows(portal, "SELECT source_ref, retired_reason FROM memories WHERE retired_at IS NOT NULL")
    return {row.source_ref.split(":", 2)[2]: row.retired_reason for row in found}


def change(portal: StoredPortal, object_type: str, hubspot_id: str, assignments: str, **values: Any) -> None:
    """Change columns of a stored record, as a sync does: with a new change number."""
    portal.execute(
        f"""UPDATE hubspot_crm_objects SET {assignments}, change_seq = nextval('change_seq')
             WHERE connector_id = :connector AND object_type = :object_type AND hubspot_id = :hubspot_id""",
        object_type=object_type,
        hubspot_id=hubspot_id,
        **values,
    )
