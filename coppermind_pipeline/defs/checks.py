"""Asset checks: what an operator must see about each connector, one question each."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from sqlalchemy import text

from coppermind_pipeline.connectors import STANDING_PROBLEMS, Connector, Freshness, freshness, load_connector
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import connectors
from coppermind_pipeline.wording import iso_day


@dg.asset_check(asset="raw_deals", partitions_def=connectors)
def authorized(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The portal accepts our authorization, with all scopes."""
    _, problems = _facts(
        installation,
        context.partition_key,
        """SELECT kind, code, message, hint, since FROM connector_problems
            WHERE connector_id = :connector AND kind IN ('auth', 'scope') ORDER BY since""",
    )
    return dg.AssetCheckResult(
        passed=not problems,
        # The sync goes on with less: what one user may see, or without the account's details.
        severity=dg.AssetCheckSeverity.WARN
        if all(problem.code in STANDING_PROBLEMS for problem in problems)
        else dg.AssetCheckSeverity.ERROR,
        description=f"{problems[0].message} {problems[0].hint}" if problems else "HubSpot accepts the authorization.",
        metadata={"problems": len(problems)},
    )


@dg.asset_check(asset="raw_deals", partitions_def=connectors)
def fresh(context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]) -> dg.AssetCheckResult:
    """What is stored is no older than status and reports call fresh."""
    connector, (facts, *_) = _facts(
        installation,
        context.partition_key,
        "SELECT max(last_succeeded_at) AS last_pull_at FROM hubspot_polls WHERE connector_id = :connector",
    )
    now = datetime.now(UTC)
    found = freshness(
        last_pull_at=facts.last_pull_at,
        poll_interval_minutes=connector.config.poll_interval_minutes,
        now=now,
    )
    age_minutes = (now - facts.last_pull_at).total_seconds() / 60 if facts.last_pull_at else None
    return dg.AssetCheckResult(
        passed=found is Freshness.FRESH,
        severity=dg.AssetCheckSeverity.ERROR,
        description="No pull has been complete yet."
        if age_minutes is None
        else f"The last complete pull is {age_minutes:.0f} minutes old: {found}.",
        metadata={} if age_minutes is None else {"age_minutes": age_minutes},
    )


@dg.asset_check(asset="hubspot_associations", partitions_def=connectors)
def backfill_complete(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The historical backfill is complete; until then, reports say that they are early."""
    _, rows = _facts(
        installation,
        context.partition_key,
        """SELECT completed_at, since, (SELECT sum(records) FROM hubspot_cursors
                                         WHERE connector_id = :connector AND scan = 'backfill') AS records,
                  (SELECT sum(CAST(value AS bigint)) FROM jsonb_each_text(totals)) AS total
             FROM hubspot_backfills WHERE connector_id = :connector""",
    )
    if not rows:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="The backfill has not begun."
        )
    backfill = rows[0]
    records, total = int(backfill.records or 0), int(backfill.total or 0)
    return dg.AssetCheckResult(
        passed=backfill.completed_at is not None,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{records} of {total} records changed since {iso_day(backfill.since)} have been read.",
        metadata={"records": records, "total": total},
    )


@dg.asset_check(asset="hubspot_crm_objects", partitions_def=connectors)
def hydrated(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The portal lets us read every property that it defines, of every record."""
    _, gaps = _facts(
        installation,
        context.partition_key,
        """SELECT object_type, error, 'refused ' || object_type || ' properties' AS what, cardinality(refused) AS number
             FROM hubspot_hydrations WHERE connector_id = :connector
           UNION ALL
           SELECT object_type, 'HubSpot gives no full answer about some of them.', 'skipped ' || object_type,
                  count(DISTINCT hubspot_id) FROM hubspot_skipped_records WHERE connector_id = :connector
            GROUP BY object_type
            ORDER BY what""",
    )
    return dg.AssetCheckResult(
        passed=not gaps,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{gaps[0].object_type}: {gaps[0].error}" if gaps else "Records are read in full.",
        metadata={row.what: row.number for row in gaps},
    )


@dg.asset_check(asset="reconciliation", partitions_def=connectors)
def without_drift(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """HubSpot counts as many records in the window as are stored."""
    _, drifts = _facts(
        installation,
        context.partition_key,
        """SELECT object_type, portal_total, stored_total FROM hubspot_drifts
            WHERE connector_id = :connector AND confirmed_at IS NOT NULL ORDER BY object_type""",
    )
    described = [f"{d.object_type}: {d.portal_total} in HubSpot, {d.stored_total} stored" for d in drifts]
    return dg.AssetCheckResult(
        passed=not drifts,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(described) or "Counts agree.",
        metadata={d.object_type: d.portal_total - d.stored_total for d in drifts},
    )


# With the assets of a sync; drift is judged with the reconciliation.
OF_SYNC = [authorized, fresh, backfill_complete, hydrated]
ALL = [*OF_SYNC, without_drift]


def _facts(installation: Installation, connector_id: str, question: str) -> tuple[Connector, list[Any]]:
    connector = load_connector(installation.database, connector_id)
    with installation.database.mind(connector.mind_id) as connection:
        return connector, list(connection.execute(text(question), {"connector": connector_id}))
