"""The sensor `health`: what is so of every connector, told to Dagster without a run, dead connectors included."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from uuid import uuid4

import dagster as dg
import orjson

from coppermind_pipeline.connectors import DueReport, Fleet, due_reports, fleet_of, read_all_facts, reporting
from coppermind_pipeline.defs.health import checks, fleet
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import known_connectors

# A tick may take a minute. What it does not come to is due at the next one, what is new before what is not.
TICK_MAX_S = 25
FLEET_AGAIN = timedelta(minutes=59)


@dg.sensor(minimum_interval_seconds=20, default_status=dg.DefaultSensorStatus.RUNNING)
def health(context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
    """Evaluate all checks of all connectors: each change at once, what fails hourly, what passes daily; and `fleet`."""
    database = installation.database
    started, now = monotonic(), database.now()
    found = read_all_facts(database)
    _report_fleet(context, fleet_of(found, now=now), installation, now)
    due = due_reports(database, found, known_connectors(context.instance), now=now)
    told = _report(context.instance, installation, due, until=started + TICK_MAX_S)
    later = f"; {len(due) - told} connectors wait for the next tick" if told < len(due) else ""
    return dg.SkipReason(f"checks of {told} connectors were reported{later}")


def _report(instance: dg.DagsterInstance, installation: Installation, due: Sequence[DueReport], *, until: float) -> int:
    """Report as many as there is time for; return how many."""
    reporter = f"health-{uuid4()}"
    for told, each in enumerate(due):
        if monotonic() > until:
            return told
        with reporting(installation.database, each) as findings:
            for condition, finding in findings.items():
                checks.report(
                    instance, installation, condition, finding, connector_id=each.connector.id, reporter=reporter
                )
    return len(due)


@dataclass(frozen=True, slots=True)
class _FleetTold:
    """What was told of the fleet last, and when: the sensor's cursor."""

    at: datetime
    troubles: dict[str, str]
    connectors: int
    needing_person: list[str] = field(default_factory=list)

    def is_news(self, told: "_FleetTold | None") -> bool:
        if told is None or self.at - told.at >= FLEET_AGAIN:
            return True
        return replace(self, at=told.at) != told


def _report_fleet(context: dg.SensorEvaluationContext, found: Fleet, installation: Installation, now: datetime) -> None:
    """Report the fleet where a trouble began, ended or came to need a person, a connector came, or an hour passed."""
    troubles = {member.connector_id: member.state.value for member in found.members if member.in_trouble}
    needing_person = sorted(member.connector_id for member in found.needing_person)
    current = _FleetTold(now, troubles, len(found.members), needing_person)
    if current.is_news(_told(context.cursor)):
        fleet.report(context.instance, found, installation)
        context.update_cursor(orjson.dumps(asdict(current)).decode())


def _told(cursor: str | None) -> _FleetTold | None:
    if not cursor:
        return None
    values = orjson.loads(cursor)
    return _FleetTold(**values | {"at": datetime.fromisoformat(values["at"])})
