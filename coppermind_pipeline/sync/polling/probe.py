"""The idle poll: a sync that finds nothing, without a run. It reads what a poll would, and compares."""

from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import settings_wait, stored_digests
from coppermind_pipeline.connectors import AccountUnreadable, Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.property_set import RETRY_FULL_AFTER_HOURS
from coppermind_pipeline.sync.polls import poll_started, poll_succeeded
from coppermind_pipeline.sync.pulling.cursors import Watermarks, load_watermarks, move_watermarks
from coppermind_pipeline.sync.pulling.scan import scan_modified
from coppermind_pipeline.sync.raw.records import is_news, known_versions
from coppermind_pipeline.sync.reference import ask_definitions, ask_owners, ask_pipelines


async def found_nothing(context: SyncContext) -> bool:
    """Probe the portal; if nothing differs, note a successful poll and return True.

    Reads the changed ids of each type, definitions, pipelines and owners. If anything differs, or anything is left
    to do from before, nothing is noted: a sync has to run.
    """
    watermarks = await context.read(_watermarks, context.scope)
    if watermarks is None:
        return False
    connector = context.connector
    if await context.read(settings_wait, connector.id, connector.config.of_records):
        return False
    if await _definitions_changed(context):
        return False
    news = await run_together(_has_news(context, object_type, since) for object_type, since in watermarks.since.items())
    if any(news):
        return False
    await context.write(_note_idle_poll, context.connector, watermarks.now)
    return True


async def answers(context: SyncContext) -> None:
    """Return if HubSpot answers for the portal, as it is asked in the first steps of a sync."""
    await run_together(
        [
            *(context.client.search(object_type, limit=1) for object_type in ObjectType),
            *(ask_definitions(context.client, object_type) for object_type in ObjectType),
            ask_pipelines(context.client),
        ]
    )


async def _definitions_changed(context: SyncContext) -> bool:
    answers = await run_together(
        [
            *(ask_definitions(context.client, object_type) for object_type in ObjectType),
            ask_pipelines(context.client),
            ask_owners(context.client),
        ]
    )
    stored = await context.read(stored_digests, context.connector.id)
    return any(stored.get(answer.kind) != answer.digest for answer in answers)


async def _has_news(context: SyncContext, object_type: ObjectType, since: datetime) -> bool:
    async for page in scan_modified(context.client, object_type, since=since, properties=()):
        found = [record.id for record in page.records]
        known = await context.read(known_versions, context.scope, object_type, found)
        if any(is_news(object_type, record, known.get(record.id)) for record in page.records):
            return True
    return False


def _watermarks(connection: Connection, scope: Scope) -> Watermarks | None:
    """Return the watermarks; None if a scan, a backfill or a later stage has work left from before."""
    watermarks = load_watermarks(connection, scope)
    if watermarks is None or connection.scalar(_LEFT_OVER, scope.values(no_account=AccountUnreadable.code)):
        return None
    return watermarks


_LEFT_OVER = text(
    f"""WITH done AS (SELECT stage, seq FROM checkpoints WHERE connector_id = :connector)
       SELECT EXISTS (SELECT FROM hubspot_raw_records WHERE connector_id = :connector
                         AND seq > coalesce((SELECT seq FROM done WHERE stage = 'normalize'), 0))
           OR EXISTS (SELECT FROM hubspot_raw_associations WHERE connector_id = :connector
                         AND seq > coalesce((SELECT seq FROM done WHERE stage = 'link'), 0))
           OR EXISTS (SELECT FROM hubspot_crm_objects WHERE connector_id = :connector
                         AND object_type <> 'deals'
                         AND change_seq > coalesce((SELECT seq FROM done WHERE stage = 'map'), 0))
           OR EXISTS (SELECT FROM hubspot_crm_objects WHERE connector_id = :connector
                         AND object_type = 'deals'
                         AND change_seq > coalesce((SELECT seq FROM done WHERE stage = 'map_deals'), 0))
           OR EXISTS (SELECT FROM hubspot_hydrations WHERE connector_id = :connector
                         AND tried_at < clock_timestamp() - interval '{RETRY_FULL_AFTER_HOURS} hours')
           OR EXISTS (SELECT FROM noted_problem(:connector, :no_account)
                       WHERE last_seen < clock_timestamp() - interval '1 hour')"""
)


def _note_idle_poll(connection: Connection, connector: Connector, started_at: datetime) -> None:
    """Move watermarks, last successful pull and last counts, in one transaction."""
    move_watermarks(connection, connector.scope, started_at=started_at)
    # Only now: a poll that found something is the run's, which would otherwise not be due if it never came about.
    poll_started(connection, connector.scope)
    poll_succeeded(connection, connector)
