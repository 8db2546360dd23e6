"""Facts of a connector in good order, and what brings each state about."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from coppermind_pipeline.connectors import ConnectorFacts

NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


# A connector in good order: connected long ago, backfilled, polled a minute ago.
CONNECTOR = {
    "id": "acme-hubspot-abcd",
    "mind_id": UUID(int=1),
    "customer_id": UUID(int=2),
    "status": "active",
    "hub_id": 7,
    "created_at": ago(days=9),
    "connected_at": ago(days=9),
}
HEALTHY: dict[str, Any] = {
    "connector": CONNECTOR,
    "mind_name": "Acme",
    "poll": {"last_started_at": ago(minutes=2), "last_succeeded_at": ago(minutes=1)},
    "backfill": {"since": ago(days=700), "started_at": ago(days=9), "completed_at": ago(days=8)},
}
ERROR = {"code": "c", "message": "m", "hint": "h.", "at": ago(minutes=3)}
PROBLEM = {"code": "c", "message": "m", "hint": "h.", "since": ago(days=1), "last_seen": ago(minutes=1)}


NO_POLL = {"last_started_at": None, "last_succeeded_at": None}


def facts(*changes: dict[str, Any]) -> ConnectorFacts:
    merged = dict(HEALTHY)
    for change in changes:
        for name, value in change.items():
            before = merged.get(name) or HEALTHY.get(name) or {}
            merged[name] = {**before, **value} if isinstance(value, dict) else value
    return ConnectorFacts.model_validate(merged)


def last_pull(*, minutes: int) -> dict[str, str]:
    return {"last_started_at": ago(minutes=minutes + 1), "last_succeeded_at": ago(minutes=minutes)}


# What brings each state about, in order of precedence.
CAUSES: dict[str, dict[str, Any]] = {
    "auth_error": {"problems": [{"kind": "auth", **PROBLEM}]},
    "rate_limited": {"poll": {"retry_at": (NOW + timedelta(seconds=61)).isoformat()}},
    "error": {"poll": {"failures": 2}},
    "stale": {"poll": {"last_succeeded_at": ago(minutes=36)}},
    "backfilling": {"backfill": {"completed_at": None}},
    "syncing": {"poll": {"last_started_at": ago(seconds=1)}},
    "synthesis_error": {"synthesis": {"period_key": "2026-W47", "error": "e"}},
    "queue_backed_up": {"queue": {"waiting": 1, "oldest_pending_at": ago(minutes=61)}},
    "draining_queue": {"queue": {"waiting": 1, "oldest_pending_at": ago(minutes=1)}},
}
