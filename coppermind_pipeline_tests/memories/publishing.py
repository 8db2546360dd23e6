"""Memories with a text of one's own, published as mapping and synthesis publish theirs."""

from datetime import timedelta

from coppermind_pipeline.memories import MemoryType, QueueEntry, Sensitivity, aggregate_ref, enqueue, record_ref
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.memories.steps import drained
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


def publish(
    portal: StoredPortal,
    hubspot_id: str,
    content: str,
    *,
    memory_type: MemoryType = MemoryType.STAKEHOLDER,
    sensitivity: Sensitivity = Sensitivity.OPEN,
    object_type: str = "contacts",
) -> None:
    """Publish a text about a record."""
    entry = QueueEntry(
        source_ref=record_ref(portal.connector_id, ObjectType(object_type), hubspot_id),
        connector_id=portal.connector_id,
        operation="publish",
        type=memory_type,
        sensitivity=sensitivity,
        content=content,
        object_type=ObjectType(object_type),
        hubspot_id=hubspot_id,
        as_of=NOW,
    )
    _drain(portal, entry)


def publish_aggregate(
    portal: StoredPortal, period_key: str, content: str, *, scope: str = "strategy", weeks: int = 0
) -> None:
    """Publish a text about a period, counted up to some weeks from now."""
    entry = QueueEntry(
        source_ref=aggregate_ref(portal.connector_id, period_key, scope),
        connector_id=portal.connector_id,
        operation="publish",
        type=MemoryType.FACT,
        sensitivity=Sensitivity.SENSITIVE,
        content=content,
        aggregate_period_key=period_key,
        aggregate_scope=scope,
        as_of=NOW + timedelta(weeks=weeks),
    )
    _drain(portal, entry)


def _drain(portal: StoredPortal, entry: QueueEntry) -> None:
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, [entry])
    drained(portal)
