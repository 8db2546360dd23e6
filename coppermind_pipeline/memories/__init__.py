"""Memories: from records to readable texts, their queue, and search.

`map_records` queues what changed, `drain` publishes it, `search`, `get` and `list_memories` read it.
"""

from coppermind_pipeline.memories.draining import Drained, DrainedMeanwhile, drain, drain_meanwhile
from coppermind_pipeline.memories.mapping.mapping import Mapped, map_deals_ahead, map_records
from coppermind_pipeline.memories.memory_queue import (
    QueueEntry,
    QueueStatus,
    enqueue,
    list_queue,
    queue_status,
    replay_dead,
)
from coppermind_pipeline.memories.memory_types import Audience, MemoryType, Sensitivity, aggregate_ref, record_ref
from coppermind_pipeline.memories.reading.browsing import get, list_memories, memories_of_refs
from coppermind_pipeline.memories.reading.companies import FoundBy, FoundCompanies, FoundCompany, find_companies
from coppermind_pipeline.memories.reading.results import Found, Memory
from coppermind_pipeline.memories.reading.search import search
from coppermind_pipeline.memories.reading.selection import Outcome, UnknownMemory, WrongSelection, days_of
from coppermind_pipeline.memories.reading.totals import rows_of_memories
from coppermind_pipeline.memories.retention import remove_old_texts, share_of_old_texts
from coppermind_pipeline.memories.waiting import WaitingQueue, due_entries, queue_length, waiting_queues

__all__ = [
    "Audience",
    "Drained",
    "DrainedMeanwhile",
    "Found",
    "FoundBy",
    "FoundCompanies",
    "FoundCompany",
    "Mapped",
    "Memory",
    "MemoryType",
    "Outcome",
    "QueueEntry",
    "QueueStatus",
    "Sensitivity",
    "UnknownMemory",
    "WaitingQueue",
    "WrongSelection",
    "aggregate_ref",
    "days_of",
    "drain",
    "drain_meanwhile",
    "due_entries",
    "enqueue",
    "find_companies",
    "get",
    "list_memories",
    "list_queue",
    "map_deals_ahead",
    "map_records",
    "memories_of_refs",
    "queue_length",
    "queue_status",
    "record_ref",
    "remove_old_texts",
    "replay_dead",
    "rows_of_memories",
    "search",
    "share_of_old_texts",
    "waiting_queues",
]
