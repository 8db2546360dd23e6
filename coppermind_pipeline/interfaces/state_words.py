"""A connector's state in words, for command line and pages alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from coppermind_pipeline.wording import utc_minute

if TYPE_CHECKING:
    from coppermind_pipeline.connectors import ConnectorStatus

Tone = Literal["good", "busy", "warn", "bad", "idle"]


@dataclass(frozen=True, slots=True)
class StateWords:
    """What a state is called, and how it feels: `bad` needs a person, `warn` may, the others don't."""

    words: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How much of one object type a backfill has read; `total` is None while the portal has not said."""

    object_type: str
    done: int
    total: int | None

    @property
    def share(self) -> float | None:
        """From 0 to 1; None while the total is unknown."""
        return None if not self.total else min(1.0, self.done / self.total)


def state_words(connector: ConnectorStatus) -> StateWords:
    """Return the words for the most telling state: the operational one, else the headline."""
    state = connector.hubspot_diagnostics.operational_state or connector.status
    if state == "active" and connector.last_error is not None:
        return StateWords("The last attempt failed, and is repeated", "warn")
    if state == "active" and connector.hubspot_diagnostics.last_successful_hubspot_pull is None:
        return StateWords("Not read completely yet", "busy")
    if state in {"error", "stale", "auth_error"} and connector.last_error is not None:
        return _WORDS_OF_ERRORS.get(connector.last_error.code, _WORDS[state])
    return _WORDS[state]


def words_of_state(state: str) -> StateWords:
    """Return the words for a state by its name."""
    return _WORDS[state]


def polling_stopped_words(since: datetime) -> str:
    """Return what is so where nothing has looked for due polls since then."""
    return f"Nothing has looked for due polls since {utc_minute(since)} UTC: no portal is read."


def scans_under_way(connector: ConnectorStatus) -> list[ScanProgress]:
    """Return the progress of a running backfill by object type; empty where none runs."""
    backfill = connector.hubspot_backfill
    if backfill is None or backfill.status == "complete":
        return []
    scans = []
    for object_type, done in backfill.counts.items():
        state = backfill.state.get(object_type)
        # The portal's total may lie a little beside what a complete scan found.
        total = done if state is not None and state.done else backfill.totals.get(object_type)
        scans.append(ScanProgress(object_type.value, done, total))
    return scans


_WORDS: dict[str, StateWords] = {
    "pending_setup": StateWords("Waiting for the approval", "warn"),
    "not_connected": StateWords("Not connected yet", "warn"),
    "inactive": StateWords("Disconnected", "idle"),
    "setup_error": StateWords("Set-up failed", "bad"),
    "auth_error": StateWords("HubSpot refuses the authorization", "bad"),
    "rate_limited": StateWords("Waiting for HubSpot's rate limit", "warn"),
    "error": StateWords("The last polls failed", "bad"),
    "stale": StateWords("Behind schedule", "warn"),
    "backfilling": StateWords("Reading the CRM history", "busy"),
    "syncing": StateWords("Syncing", "busy"),
    "synthesis_error": StateWords("The synthesis failed", "warn"),
    "queue_backed_up": StateWords("Memories are backed up", "warn"),
    "draining_queue": StateWords("Writing memories", "busy"),
    "active": StateWords("Up to date", "good"),
}

_UNREADABLE = StateWords("The stored authorization can't be read", "bad")
_WORDS_OF_ERRORS = {
    "portal_unavailable": StateWords("HubSpot does not answer for this portal", "bad"),
    "encryption_key_missing": _UNREADABLE,
    "key_file_exposed": _UNREADABLE,
    "invalid_encryption_keys": _UNREADABLE,
}
