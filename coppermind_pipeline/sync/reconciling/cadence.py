"""How often a portal is walked and read again, where HubSpot announces nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.reconciling.reconciliation import WALK_EVERY
from coppermind_pipeline.sync.reconciling.rereads import REREAD_EVERY

# What recurs comes early by up to this share of its period, by its connector's phase, so that what many portals began
# together does not come due together for ever.
EARLY_SHARE_MAX = 0.125


@dataclass(frozen=True, slots=True)
class ReconciliationCadence:
    """How long ago a walk, and by type a round of re-reads, must have begun for the next one to begin."""

    walk_every: timedelta
    reread_every: Mapping[ObjectType, timedelta]


def reconciliation_cadence(database: Database, *, anew_since: datetime | None) -> ReconciliationCadence:
    """Return the usual cadence; with `anew_since`, one by which everything that began before that moment is due.

    The usual one takes along what is due a little later: `due.py` says when a connector's turn is.
    """
    if anew_since is None:
        share = 1 - EARLY_SHARE_MAX
        return ReconciliationCadence(share * WALK_EVERY, {each: share * every for each, every in REREAD_EVERY.items()})
    since_then = database.now() - anew_since
    return ReconciliationCadence(since_then, dict.fromkeys(ObjectType, since_then))
