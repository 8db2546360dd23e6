"""What is measured of the way from normalized records to memories, of portals that are put into the store."""

from typing import Any

from sqlalchemy import text

from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline_tests.benchmarks.installation import peak_mib, stopwatch, stored_portal
from coppermind_pipeline_tests.memories.filled import fill, fill_published
from coppermind_pipeline_tests.stored_portal import StoredPortal


def first_memories(*, deals: int) -> dict[str, Any]:
    """Records a second from normalized rows to the queue, and from there to memories, of a portal that has none yet."""
    with stored_portal() as portal:
        fill(portal, deals=deals)
        return {"mapping": _mapping(portal), "draining": _draining(portal), "peak_mib": peak_mib()}


def memories_of_changes(*, deals: int, changed: int) -> dict[str, Any]:
    """The same where each record has a memory already: of records that changed, and of a new owner's and stage's name.

    Of the deals' stages the one that is renamed is a sixth's, of the owners it is one in forty.
    """
    with stored_portal() as portal:
        fill_published(portal, deals=deals)
        memories = _memories(portal)
        portal.execute(_CHANGE, changed=changed)
        changes = {"mapping": _mapping(portal), "draining": _draining(portal)}
        portal.execute("UPDATE hubspot_owners SET label = 'Somebody Else' WHERE hubspot_id = '1007'")
        owner = {"mapping": _mapping(portal), "draining": _draining(portal)}
        portal.execute("UPDATE hubspot_stages SET label = 'About To Sign' WHERE hubspot_id = 'contractsent'")
        stage = {"mapping": _mapping(portal), "draining": _draining(portal)}
    return {
        "deals": deals,
        "memories": memories,
        "changes": changes,
        "owner_renamed": owner,
        "stage_renamed": stage,
        "peak_mib": peak_mib(),
    }


def _memories(portal: StoredPortal) -> int:
    with portal.database.mind(portal.mind_id) as connection:
        return connection.execute(text("SELECT count(*) FROM memories")).scalar_one()


def _mapping(portal: StoredPortal) -> dict[str, Any]:
    with stopwatch() as took:
        mapped = map_records(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    return {
        "considered": mapped.considered,
        "queued": mapped.queued,
        "considered_per_s": round(mapped.considered / took["wall_s"]),
        **took,
    }


def _draining(portal: StoredPortal) -> dict[str, Any]:
    with stopwatch() as took:
        drained = drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    return {
        "published": drained.published,
        "superseded": drained.superseded,
        "published_per_s": round(drained.published / took["wall_s"]),
        **took,
    }


# Spread over the portal, as what people change is.
_CHANGE = """
UPDATE hubspot_crm_objects SET name = name || ' Renamed', change_seq = nextval('change_seq')
 WHERE (object_type, hubspot_id) IN (SELECT object_type, hubspot_id FROM hubspot_crm_objects
                                      ORDER BY md5(hubspot_id), object_type LIMIT :changed)
"""
