"""Asset checks: what an operator must see about each connector, one question each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Connection

from coppermind_pipeline.connectors import Connector, Freshness, authorization_problems, freshness, load_connector
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import connectors
from coppermind_pipeline.sync import backfill_progress, count_differences, gaps, last_pull_at
from coppermind_pipeline.wording import iso_day

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def _check_of(asset: str) -> Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]:
    """Return the decorator of a check of that asset; each is evaluated connector by connector."""
    return dg.asset_check(asset=asset, partitions_def=connectors)


@_check_of("raw_deals")
def authorized(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The portal accepts our authorization, with all scopes."""
    with _asked(installation, context) as (connection, connector):
        problems = authorization_problems(connection, connector.id)
    return dg.AssetCheckResult(
        passed=not problems,
        # The sync goes on with less: what one user may see, or without the account's details.
        severity=_WARN if all(problem.stands for problem in problems) else _ERROR,
        description=f"{problems[0].message} {problems[0].hint}" if problems else "HubSpot accepts the authorization.",
        metadata={"problems": len(problems)},
    )


@_check_of("raw_deals")
def fresh(context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]) -> dg.AssetCheckResult:
    """What is stored is no older than status and reports call fresh."""
    with _asked(installation, context) as (connection, connector):
        pulled_at = last_pull_at(connection, connector.id)
    now = datetime.now(UTC)
    found = freshness(last_pull_at=pulled_at, poll_interval_minutes=connector.config.poll_interval_minutes, now=now)
    if pulled_at is None:
        return dg.AssetCheckResult(passed=False, severity=_ERROR, description="No pull has been complete yet.")
    age_minutes = (now - pulled_at).total_seconds() / 60
    return dg.AssetCheckResult(
        passed=found is Freshness.FRESH,
        severity=_ERROR,
        description=f"The last complete pull is {age_minutes:.0f} minutes old: {found}.",
        metadata={"age_minutes": age_minutes},
    )


@_check_of("hubspot_associations")
def backfill_complete(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The historical backfill is complete; until then, reports say that they are early."""
    with _asked(installation, context) as (connection, connector):
        backfill = backfill_progress(connection, connector.id)
    if backfill is None:
        return dg.AssetCheckResult(passed=False, severity=_WARN, description="The backfill has not begun.")
    return dg.AssetCheckResult(
        passed=backfill.complete,
        severity=_WARN,
        description=f"{backfill.records} of {backfill.total} records changed since {iso_day(backfill.since)} "
        "have been read.",
        metadata={"records": backfill.records, "total": backfill.total},
    )


@_check_of("hubspot_crm_objects")
def hydrated(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """The portal lets us read every property that it defines, of every record."""
    with _asked(installation, context) as (connection, connector):
        found = gaps(connection, connector.id)
    return dg.AssetCheckResult(
        passed=not found,
        severity=_WARN,
        description=f"{found[0].object_type}: {found[0].reason}" if found else "Records are read in full.",
        metadata={gap.what: gap.number for gap in found},
    )


@_check_of("reconciliation")
def without_drift(
    context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
) -> dg.AssetCheckResult:
    """HubSpot counts as many records in the window as are stored."""
    with _asked(installation, context) as (connection, connector):
        found = count_differences(connection, connector.id)
    described = [f"{d.object_type}: {d.portal_total} in HubSpot, {d.stored_total} stored" for d in found]
    return dg.AssetCheckResult(
        passed=not found,
        severity=_ERROR,
        description="; ".join(described) or "Counts agree.",
        metadata={d.object_type.value: d.portal_total - d.stored_total for d in found},
    )


# With the assets of a sync; drift is judged with the reconciliation.
OF_SYNC = [authorized, fresh, backfill_complete, hydrated]
OF_RECONCILIATION = [without_drift]
ALL = [*OF_SYNC, *OF_RECONCILIATION]


@contextmanager
def _asked(
    installation: Installation, context: dg.AssetCheckExecutionContext
) -> Iterator[tuple[Connection, Connector]]:
    """Yield the connector that the check is asked about, and a transaction of its mind."""
    connector = load_connector(installation.database, context.partition_key)
    with installation.database.mind(connector.mind_id) as connection:
        yield connection, connector
