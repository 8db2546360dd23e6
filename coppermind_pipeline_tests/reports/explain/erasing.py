"""Contacts that go as those do that were erased for privacy."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from coppermind_pipeline_tests.stored_portal import StoredPortal


def erase(portal: StoredPortal, contacts: Collection[str], *, at: datetime) -> set[str]:
    """Have contacts gone with their versions, and with them who was merged into them; return all who are gone."""
    with portal.database.mind(portal.mind_id) as connection:
        merged = connection.scalars(
            text("SELECT loser_id FROM hubspot_merges WHERE survivor_id = ANY (:ids)"), {"ids": list(contacts)}
        ).all()
    gone = {*contacts, *merged}
    portal.execute(
        "DELETE FROM hubspot_raw_records WHERE connector_id = :connector AND object_type = 'contacts' "
        "AND hubspot_id = ANY (:ids)",
        ids=list(gone),
    )
    portal.execute(
        "UPDATE hubspot_crm_objects SET archived_at = :at, archived_reason = 'erased', "
        "change_seq = nextval('change_seq') "
        "WHERE connector_id = :connector AND object_type = 'contacts' AND hubspot_id = ANY (:ids)",
        ids=list(gone), at=at,
    )  # fmt: skip
    return gone
