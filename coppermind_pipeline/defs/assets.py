"""The assets: one connector's way from HubSpot's answers to memories, each a few functions of the rooms below.

What is said of them (groups, owners, tables) is in `metadata`; which of them a job runs stands at the end.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

import dagster as dg

from coppermind_pipeline.catalog import profile_is_outdated
from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.defs.ahead import done_ahead, memories_ahead
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.metadata import HUBSPOT, described, materialized, reading, synthesis_figures, working
from coppermind_pipeline.defs.steps import POLL_STEPS, end_of_slice, poll_id
from coppermind_pipeline.memories import Drained, Mapped, drain, drain_meanwhile, map_records
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync import (
    Linked,
    Progress,
    Pulled,
    Reconciled,
    ReferenceRead,
    Reread,
    SyncContext,
    backfilled_once,
    link,
    normalize,
    poll_ended,
    pull,
    pull_ended,
    read_all_definitions,
    read_owners,
    read_pipelines,
    reconcile,
    reconciliation_cadence,
    reread,
    take_up,
)
from coppermind_pipeline.synthesis import Synthesized, synthesize

RAW_ASSETS = {f"raw_{object_type}": object_type for object_type in ObjectType}
RAW_ASSOCIATIONS = "raw_deal_associations"
# What has to be read for each; associations are read of the deals that are new.
_TYPE_READ = {**RAW_ASSETS, RAW_ASSOCIATIONS: ObjectType.DEALS}


@dg.asset
def property_definitions(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """What the portal says about its properties, and about itself: labels, options, types, time zone, currency."""
    reads, took = reading(installation, context, read_all_definitions)
    counts = {object_type.value: read.entries for object_type, read in reads.items()}
    changed = any(read.changed for read in reads.values())
    return materialized(installation, context, {**counts, "changed": changed, **took})


@dg.asset
def pipelines(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
    """The deal pipelines and their stages, which decide what is won, lost and open."""
    return _read_reference(installation, context, read_pipelines)


@dg.asset
def owners(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
    """Who records are assigned to, those who left included."""
    return _read_reference(installation, context, read_owners)


def _read_reference(
    installation: Installation,
    context: dg.AssetExecutionContext,
    read_all: Callable[[SyncContext], Awaitable[ReferenceRead]],
) -> dg.MaterializeResult:
    read, took = reading(installation, context, read_all)
    return materialized(installation, context, {"entries": read.entries, "changed": read.changed, **took})


@dg.multi_asset(
    name="raw",
    specs=[
        dg.AssetSpec(name, deps=[property_definitions, pipelines], description=description)
        for name, description in {
            "raw_contacts": "Contacts as HubSpot sent them, every distinct version kept.",
            "raw_companies": "Companies as HubSpot sent them, every distinct version kept.",
            "raw_deals": "Deals as HubSpot sent them, every distinct version kept.",
            RAW_ASSOCIATIONS: "Which contacts and companies each deal is linked to, with labels, as HubSpot said last.",
        }.items()
    ],
    can_subset=True,
)
def raw(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> Iterator[dg.MaterializeResult]:
    """One pull: scans, hydration and links overlap in one event loop, under one set of rate budgets.

    What follows it is done beside it, as far as it gets.
    """
    selected = {key.to_user_string() for key in context.selected_asset_keys}
    types = {object_type for name, object_type in _TYPE_READ.items() if name in selected}
    time_is_up, poll = end_of_slice(installation, context), poll_id(context)

    with memories_ahead(installation, context) as map_ahead:

        async def read(sync: SyncContext) -> Pulled:
            pulled = await pull(sync, types=types, time_is_up=time_is_up, then=map_ahead)
            if poll is not None:
                await sync.write(pull_ended, sync.connector, complete=pulled.current)
            return pulled

        pulled, took = reading(installation, context, read)
    ahead = done_ahead(context)
    ahead.normalized, ahead.linked = pulled.normalized, pulled.associated
    shared = {"complete": pulled.complete, **took}
    for name, object_type in RAW_ASSETS.items():
        if name in selected:
            counts = {"found": pulled.found[object_type], "read": pulled.read[object_type]}
            yield materialized(installation, context, {**counts, **shared}, asset=name)
    if RAW_ASSOCIATIONS in selected:
        counts = {"deals_read": pulled.linked, "referenced_records_read": pulled.referenced}
        yield materialized(installation, context, {**counts, **shared}, asset=RAW_ASSOCIATIONS)


@dg.asset(deps=[*RAW_ASSETS, property_definitions, pipelines])
def hubspot_crm_objects(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """What the records mean: typed columns for reports, from the raw log."""
    done, took = working(
        installation,
        context,
        lambda connector: normalize(installation.database, connector, on_progress=installation.on_progress),
    )
    done = done_ahead(context).normalized + done
    counts = {"versions_read": done.read, "rows_changed": done.changed, "values_malformed": done.malformed}
    return materialized(installation, context, counts | took)


@dg.asset(deps=[RAW_ASSOCIATIONS, hubspot_crm_objects])
def hubspot_associations(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """Links with labels and the time they held, and each deal's company, contact, source and place."""

    def work(connector: Connector) -> Linked:
        linked = link(installation.database, connector, on_progress=installation.on_progress)
        if linked.backfill_completed or _profile_is_outdated(installation, connector):
            _profile(installation, connector)
        return linked

    done, took = working(installation, context, work)
    done = done_ahead(context).linked + done
    return materialized(
        installation,
        context,
        {
            "links_begun": done.begun,
            "links_ended": done.ended,
            "deals_attributed": done.attributed,
            "backfill_completed": done.backfill_completed,
            **took,
        },
    )


def _profile_is_outdated(installation: Installation, connector: Connector) -> bool:
    with installation.database.mind(connector.mind_id) as connection:
        return profile_is_outdated(connection, connector.id, now=datetime.now(UTC))


def _profile(installation: Installation, connector: Connector) -> None:
    # Imported here: every report there is comes with it, and the code location would load longer by a tenth.
    from coppermind_pipeline.reports import profile_portal

    with installation.database.mind(connector.mind_id) as connection:
        profile_portal(connection, connector, now=datetime.now(UTC))


class ReconciliationConfig(dg.Config):
    """From when on a walk and a re-read count as done (ISO time); none: as far as they are due by their own cadence."""

    anew_since: str | None = None


@dg.asset(deps=[hubspot_associations])
def reconciliation(
    context: dg.AssetExecutionContext, config: ReconciliationConfig, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """What HubSpot does not announce: archives, merges, erasures, vanished links, calculated values; put right."""
    time_is_up = end_of_slice(installation, context)
    anew_since = datetime.fromisoformat(config.anew_since) if config.anew_since else None
    cadence = reconciliation_cadence(installation.database, anew_since=anew_since)

    async def walk(sync: SyncContext) -> Reconciled:
        return await reconcile(sync, time_is_up=time_is_up, every=cadence.walk_every)

    async def read_again(sync: SyncContext) -> Reread:
        return await reread(sync, time_is_up=time_is_up, every=cadence.reread_every)

    def take_up_walked(connector: Connector) -> None:
        take_up(installation.database, connector, installation.on_progress)

    def take_up_reread(connector: Connector) -> None:
        take_up(installation.database, connector, installation.on_progress)
        _profile(installation, connector)

    walked, took = reading(installation, context, walk)
    working(installation, context, take_up_walked)
    again = Reread()
    if not time_is_up():
        again, more = reading(installation, context, read_again)
        took = took | {figure: took[figure] + more[figure] for figure in ("requests", "seconds")}
        working(installation, context, take_up_reread)
    return materialized(
        installation,
        context,
        {
            "archived": walked.archived,
            "restored": walked.restored,
            "merged": walked.merged,
            "purged": walked.purged,
            "erased": walked.erased,
            "repaired": walked.repaired,
            "types_adrift": len(walked.drift),
            "reread": sum(again.read.values()),
            "links_reread": again.linked,
            "complete": walked.complete and again.complete,
            **took,
        },
    )


@dg.asset(deps=[hubspot_crm_objects, hubspot_associations, owners, reconciliation])
def record_memories(
    context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """The readable text of each record that has something to say, queued where it is new or changed, and drained."""
    ahead = done_ahead(context)

    def work(connector: Connector) -> tuple[Mapped, Drained]:
        database = installation.database
        with drain_meanwhile(database, connector_id=connector.id, mind_id=connector.mind_id) as meanwhile:
            mapped = map_records(
                database,
                connector_id=connector.id,
                mind_id=connector.mind_id,
                # A deal's text names its company and contacts, which a first backfill may still be reading.
                deals=backfilled_once(database, connector),
                on_progress=lambda more: installation.on_progress(
                    Progress("memories", (ahead.mapped + more).considered)
                ),
            )
        return ahead.mapped + mapped, ahead.drained + meanwhile.drained

    (mapped, drained), took = working(installation, context, work)
    counts = {"considered": mapped.considered, "queued": mapped.queued, "retired": mapped.retired}
    return materialized(installation, context, counts | {"published_meanwhile": drained.published} | took)


@dg.asset(deps=[record_memories])
def memories(context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
    """The queue's drain: queued texts become the mind's memories. It is the last step of a poll."""
    # What a poll has queued is its own work; any other drain gives way to one.
    time_is_up = end_of_slice(installation, context) if poll_id(context) is None else lambda: False

    def work(connector: Connector) -> Drained:
        drained = drain(
            installation.database,
            connector_id=connector.id,
            mind_id=connector.mind_id,
            time_is_up=time_is_up,
            on_progress=lambda drained: installation.on_progress(Progress("queue", drained.published)),
        )
        with installation.database.mind(connector.mind_id) as connection:
            poll_ended(connection, connector, run_id=context.run.run_id)
        return drained

    drained, took = working(installation, context, work)
    return materialized(
        installation,
        context,
        {
            "published": drained.published,
            "superseded": drained.superseded,
            "retired": drained.retired,
            "failed": drained.failed,
            "dead": drained.dead,
            **took,
        },
    )


class SynthesisConfig(dg.Config):
    """Which period to publish; none is the current one. A published period is computed again with `refresh`."""

    period_key: str | None = None
    refresh: bool = False


@dg.asset(deps=[hubspot_crm_objects, hubspot_associations])
def marketing_synthesis(
    context: dg.AssetExecutionContext, config: SynthesisConfig, installation: dg.ResourceParam[Installation]
) -> dg.MaterializeResult:
    """Channel mix, geography, lead leaks, loss themes and strategy of one period, queued as memories and drained."""

    def work(connector: Connector) -> Synthesized:
        result = synthesize(
            installation.database,
            connector_id=connector.id,
            mind_id=connector.mind_id,
            cadence=connector.config.hubspot_synthesis_cadence,
            config=connector.config,
            now=datetime.now(UTC),
            period_key=config.period_key,
            refresh=config.refresh,
        )
        drain(installation.database, connector_id=connector.id, mind_id=connector.mind_id)
        return result

    result, took = working(installation, context, work)
    return materialized(
        installation,
        context,
        {
            "period_key": result.period_key,
            "queued": result.queued,
            "skipped_scopes": sorted(result.skipped),
            "already_published": result.already_published,
            **synthesis_figures(result.parts),
            **took,
        },
    )


_STEPS = [
    asset.map_asset_specs(described)
    for asset in (
        property_definitions,
        pipelines,
        owners,
        raw,
        hubspot_crm_objects,
        hubspot_associations,
        reconciliation,
        record_memories,
        memories,
        marketing_synthesis,
    )
]
ALL = [HUBSPOT, *dg.with_source_code_references(_STEPS)]


def _called(*names: str) -> list[dg.AssetsDefinition]:
    return [asset for asset in _STEPS if asset.op.name in names]


# What a job, or a command in its own process, runs of them.
SYNC = _called(*POLL_STEPS)
RECONCILIATION = _called("reconciliation", "record_memories", "memories")
DRAIN = _called("memories")
SYNTHESIS = _called("marketing_synthesis")
