"""What `/metrics` tells: of all connectors together, by labels of which there are few however much is stored."""

from collections.abc import Sequence
from statistics import quantiles

from prometheus_client import CollectorRegistry, Counter, Gauge

from coppermind_pipeline.connectors import (
    connectors_by_status,
    fleet_of,
    read_all_facts,
    requests_sent,
    waited_for_turns,
)
from coppermind_pipeline.interfaces.growth import growth
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, last_look_for_polls, runs_of_the_last_hour, unfinished_runs
from coppermind_pipeline.sync import behind, poll_durations


def registry_of(database: Database, settings: Settings) -> CollectorRegistry:
    """Return all figures as they are now."""
    registry = CollectorRegistry()
    _add_polls(registry, database)
    _add_fleet(registry, database)
    _add_runs(registry, database)
    _add_growth(registry, database, settings)
    return registry


def _add_polls(registry: CollectorRegistry, database: Database) -> None:
    connectors = Gauge("coppermind_connectors", "Connectors by status.", ["status"], registry=registry)
    oldest = Gauge(
        "coppermind_oldest_pull_age_seconds",
        "Time since the last successful pull of the active connector that is furthest behind.",
        registry=registry,
    )
    backfills = Gauge("coppermind_backfills_running", "Backfills that are not complete.", registry=registry)
    look = Gauge(
        "coppermind_poll_look_age_seconds",
        "Time since due polls were last looked for; NaN where nothing ever did.",
        registry=registry,
    )
    with database.scheduler() as connection:
        for status, number in connectors_by_status(connection).items():
            connectors.labels(status).set(number)
        found = behind(connection)
        last_look = last_look_for_polls(connection)
        took = poll_durations(connection)
    look.set(float("nan") if last_look is None else (database.now() - last_look).total_seconds())
    oldest.set(found.oldest_pull_s)
    backfills.set(found.backfills)
    _add_shares(registry, "coppermind_poll_seconds", "How long the last poll of each active connector took.", took)


def _add_fleet(registry: CollectorRegistry, database: Database) -> None:
    """Add the states of connectors, how old their last pulls are, and what waits."""
    fleet = fleet_of(read_all_facts(database), now=database.now())
    states = Gauge("coppermind_connector_states", "Connectors by what they are doing.", ["state"], registry=registry)
    for state, number in fleet.by_state.items():
        states.labels(state).set(number)
    needing = Gauge("coppermind_connectors_needing_person", "Connectors that wait for a person.", registry=registry)
    needing.set(len(fleet.needing_person))
    ages = [member.lag.total_seconds() for member in fleet.members if member.lag is not None]
    _add_shares(registry, "coppermind_pull_age_seconds", "Time since the last pull of each active connector.", ages)
    queue = Gauge("coppermind_memory_queue", "Entries of all memory queues.", ["state"], registry=registry)
    queue.labels("waiting").set(fleet.queue_waiting)
    queue.labels("dead").set(fleet.queue_dead)
    requests = Counter("coppermind_hubspot_requests", "Calls that HubSpot was sent.", registry=registry)
    requests.inc(requests_sent(database))
    waits = Counter(
        "coppermind_hubspot_wait_seconds", "How long calls have waited for their turn.", ["budget"], registry=registry
    )
    for budget, seconds in waited_for_turns(database).items():
        waits.labels(budget).inc(seconds)


def _add_runs(registry: CollectorRegistry, database: Database) -> None:
    """Add Dagster's runs: those that wait or work, and those that ended within an hour."""
    unfinished = Gauge("coppermind_runs_unfinished", "Runs by status.", ["status"], registry=registry)
    for status, number in unfinished_runs(database).items():
        unfinished.labels(status).set(number)
    labels = ["job", "status"]
    ended = Gauge("coppermind_runs_last_hour", "Runs that ended.", labels, registry=registry)
    seconds = Gauge("coppermind_run_seconds_last_hour", "How long they took, in all.", labels, registry=registry)
    longest = Gauge("coppermind_longest_run_seconds_last_hour", "How long the longest took.", labels, registry=registry)
    for of_job in runs_of_the_last_hour(database):
        ended.labels(of_job.job, of_job.status).set(of_job.runs)
        seconds.labels(of_job.job, of_job.status).set(of_job.seconds)
        longest.labels(of_job.job, of_job.status).set(of_job.longest_s)


def _add_shares(registry: CollectorRegistry, name: str, said: str, values: Sequence[float]) -> None:
    """Add how something is spread over connectors: half of them, nineteen in twenty, and all have no more."""
    spread = Gauge(name, said, ["quantile"], registry=registry)
    if not values:
        return
    twentieths = quantiles(values, n=20, method="inclusive") if len(values) > 1 else [values[0]] * 19
    for quantile, value in (("0.5", twentieths[9]), ("0.95", twentieths[18]), ("1", max(values))):
        spread.labels(quantile).set(value)


def _add_growth(registry: CollectorRegistry, database: Database, settings: Settings) -> None:
    """Add how large everything is, and how the removal of what is too old stands; a kind each."""
    kind = ["kind"]
    rows = Gauge("coppermind_store_rows", "Rows that are stored, about.", kind, registry=registry)
    stored = Gauge("coppermind_store_bytes", "Bytes on disk, with indexes.", kind, registry=registry)
    old = Gauge("coppermind_store_old_bytes", "Bytes that retention would free now, about.", kind, registry=registry)
    removed = Counter("coppermind_retention_removed_rows", "Rows that were too old.", kind, registry=registry)
    completed = Gauge(
        "coppermind_retention_completed_timestamp_seconds",
        "When all that was too old had been removed last; NaN before the first time.",
        kind,
        registry=registry,
    )
    found = growth(database, settings)
    for each in found.kinds:
        rows.labels(each.kind).set(each.rows)
        stored.labels(each.kind).set(each.bytes)
        old.labels(each.kind).set(each.old_bytes)
    for standing in found.retention:
        removed.labels(standing.kind).inc(standing.rows_removed)
        last = standing.completed_at
        completed.labels(standing.kind).set(float("nan") if last is None else last.timestamp())
