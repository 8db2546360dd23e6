"""When the next reconciliation is due: a question that the scheduler asks of all connectors at once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.reconciling.cadence import EARLY_SHARE_MAX
from coppermind_pipeline.sync.reconciling.drift import INDEX_DELAY
from coppermind_pipeline.sync.reconciling.reconciliation import WALK_EVERY
from coppermind_pipeline.sync.reconciling.rereads import REREAD_EVERY

# So long rests a reconciliation that failed. That of a portal whose polls fail waits until one of them succeeds.
FAILED_REST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class DueReconciliation:
    """A connector that is due, since when, and for what comes first.

    Attributes:
        reason: `walk` of the lists, `reread`, `definitions` that changed, or a `difference` of totals to look into.
    """

    connector_id: str
    due_at: datetime
    reason: Literal["walk", "reread", "definitions", "difference"]
    asked_at: datetime

    @property
    def turn(self) -> str:
        """What tells this slice from the connector's next one; one of the same beginning follows in a later minute."""
        return f"{self.reason}:{self.due_at:%Y%m%dT%H%M%S%f}:{self.asked_at:%Y%m%dT%H%M}"


def reconciliations_due(connection: Connection) -> list[DueReconciliation]:
    """Return the active connectors whose first backfill is complete and that are due, longest waiting first.

    Read in a transaction of the scheduler. What is unfinished is due since its last beginning. A portal that asked us
    to stay away, or that does not answer, is left alone.
    """
    rows = connection.execute(
        _DUE,
        {
            "types": list(ObjectType),
            "reread_every": [REREAD_EVERY[object_type] for object_type in ObjectType],
            "walk_every": WALK_EVERY,
            "index_delay": INDEX_DELAY,
            "failed_rest": FAILED_REST,
            "early_share": EARLY_SHARE_MAX,
        },
    )
    now = datetime.now(UTC)
    due = [DueReconciliation(row.id, row.due_at, row.reason, now) for row in rows]
    return sorted(due, key=lambda one: one.due_at)


_DUE = text(
    """SELECT DISTINCT ON (connectors.id) connectors.id, next.due_at, next.reason
         FROM connectors
         JOIN hubspot_backfills AS backfill ON backfill.connector_id = connectors.id
         LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connectors.id
         CROSS JOIN unnest(CAST(:types AS text[]), CAST(:reread_every AS interval[]))
                    AS type (name, reread_every)
         LEFT JOIN hubspot_reconciliations AS listing
           ON listing.connector_id = connectors.id AND listing.object_type = type.name
         LEFT JOIN hubspot_rereads AS reread
           ON reread.connector_id = connectors.id AND reread.object_type = type.name
         LEFT JOIN hubspot_drifts AS compared
           ON compared.connector_id = connectors.id AND compared.object_type = type.name
         LEFT JOIN definition_changes AS definitions
           ON definitions.connector_id = connectors.id AND definitions.object_type = type.name
         CROSS JOIN LATERAL (VALUES
              ('walk', CASE WHEN listing.started_at IS NULL THEN first_completed_at
                            WHEN listing.completed_at IS NULL THEN listing.started_at
                            ELSE listing.started_at
                                 + :walk_every * (1 - :early_share * connector_phase(connectors.id)) END),
              ('reread', CASE WHEN reread.started_at IS NULL THEN first_completed_at
                              WHEN reread.completed_at IS NULL THEN reread.started_at
                              ELSE reread.started_at
                                   + type.reread_every * (1 - :early_share * connector_phase(connectors.id)) END),
              ('definitions', CASE WHEN definitions.changed_at > reread.compared_at THEN definitions.changed_at
                                   WHEN reread.definitions_hash = '' THEN reread.compared_at END),
              ('difference', CASE WHEN compared.differs_since IS NOT NULL
                                  THEN compared.compared_at + :index_delay END)) AS next (reason, due_at)
        WHERE connectors.status = 'active' AND first_completed_at IS NOT NULL
          AND (retry_at IS NULL OR retry_at <= clock_timestamp()) AND next.due_at <= clock_timestamp()
          AND (failures IS NULL OR failures = 0)
          AND (last_error IS NULL OR last_error ->> 'step' IS DISTINCT FROM 'reconciliation'
               OR CAST(last_error ->> 'at' AS timestamptz) < clock_timestamp() - :failed_rest)
        ORDER BY connectors.id, next.due_at"""
)


def reconciled_since(connection: Connection, connector_id: str, since: datetime) -> bool:
    """Say whether every type has been listed and read again, from the beginning to the end, after a moment.

    Read in a transaction of the scheduler.
    """
    types = connection.scalar(_TYPES_RECONCILED, {"connector": connector_id, "since": since})
    return types == len(ObjectType)


_TYPES_RECONCILED = text(
    """SELECT count(*) FROM hubspot_reconciliations AS listing
         JOIN hubspot_rereads AS reread USING (connector_id, object_type)
        WHERE connector_id = :connector AND listing.started_at >= :since AND listing.completed_at IS NOT NULL
          AND reread.started_at >= :since AND reread.completed_at IS NOT NULL"""
)
