"""What Dagster was told of each connector's conditions, so that it is told what is new, and reminded of the rest.

Runs tell it at their end, and a sensor of everything else; both note it here, so that neither repeats the other. Who
tells notes it first, and in the transaction that the telling is in: facts that are older than what was noted meanwhile
are told by nobody.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from coppermind_pipeline.connectors.connector import load_connector
from coppermind_pipeline.connectors.status.conditions import Condition, Finding, conditions
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, ConnectorRow, read_facts
from coppermind_pipeline.store import Database

# How soon what has not changed is told again, a little early, so that nothing is ever an hour or a day and a bit old.
FAILING_AGAIN = timedelta(minutes=59)
PASSING_AGAIN = timedelta(hours=23, minutes=50)


@dataclass(frozen=True, slots=True)
class DueReport:
    """What Dagster is to be told of one connector, as of the time of its facts.

    Attributes:
        is_news: an outcome is another one than was told last.
    """

    connector: ConnectorRow
    findings: Mapping[Condition, Finding]
    at: datetime
    is_news: bool


def due_reports(
    database: Database, found: Collection[ConnectorFacts], connector_ids: Collection[str], *, now: datetime
) -> list[DueReport]:
    """Return what is due to be told of those of the connectors that have an id among these: what is new first."""
    with database.scheduler() as connection:
        rows = connection.execute(_TOLD).all()
    told = {(row.connector_id, row.check_name): (row.outcome, row.reported_at) for row in rows}

    def is_new(facts: ConnectorFacts, condition: Condition, finding: Finding) -> bool:
        return told.get((facts.connector.id, condition), ("", now))[0] != finding.outcome

    def is_due(facts: ConnectorFacts, condition: Condition, finding: Finding) -> bool:
        _, at = told.get((facts.connector.id, condition), ("", now))
        again = PASSING_AGAIN if finding.passed else FAILING_AGAIN
        return is_new(facts, condition, finding) or now - at >= again

    due = []
    for facts in found:
        if facts.connector.id not in connector_ids:
            continue
        findings = {c: finding for c, finding in conditions(facts, now=now).items() if is_due(facts, c, finding)}
        if findings:
            is_news = any(is_new(facts, condition, finding) for condition, finding in findings.items())
            due.append(DueReport(facts.connector, findings, now, is_news))
    # Of what is new, the bad news first.
    return sorted(due, key=lambda each: (not each.is_news, all(finding.passed for finding in each.findings.values())))


_TOLD = text("SELECT connector_id, check_name, outcome, reported_at FROM connector_check_reports")


@contextmanager
def reporting(database: Database, due: DueReport) -> Iterator[Mapping[Condition, Finding]]:
    """Note what is told inside the block, and yield it: what nobody has told from newer facts meanwhile."""
    with database.mind(due.connector.mind_id) as connection:
        values = {
            "connector": due.connector.id,
            "mind": due.connector.mind_id,
            "at": due.at,
            "names": [condition.value for condition in due.findings],
            "outcomes": [finding.outcome for finding in due.findings.values()],
        }
        claimed = set(connection.scalars(_NOTE, values))
        yield {condition: finding for condition, finding in due.findings.items() if condition in claimed}


_NOTE = text(
    """INSERT INTO connector_check_reports AS known (connector_id, mind_id, check_name, outcome, reported_at)
       SELECT :connector, :mind, told.name, told.outcome, :at
         FROM unnest(CAST(:names AS text[]), CAST(:outcomes AS text[])) AS told (name, outcome) ORDER BY told.name
       ON CONFLICT (connector_id, check_name) DO UPDATE
          SET outcome = excluded.outcome, reported_at = excluded.reported_at
        WHERE known.reported_at < excluded.reported_at
    RETURNING check_name"""
)


def evaluate(database: Database, connector_id: str, wanted: Collection[Condition]) -> dict[Condition, Finding]:
    """Return what is so of one connector now, and note that Dagster is told: for the checks of a run."""
    now = database.now()
    [facts] = read_facts(database, load_connector(database, connector_id).customer_id, connector_id=connector_id)
    findings = {condition: finding for condition, finding in conditions(facts, now=now).items() if condition in wanted}
    with reporting(database, DueReport(facts.connector, findings, now, is_news=True)):
        return findings


def tell_all_again(database: Database, connector_id: str) -> None:
    """Have everything of a connector told anew: a run that failed has hidden what was told before it."""
    connector = load_connector(database, connector_id)
    with database.mind(connector.mind_id) as connection:
        connection.execute(_FORGET, {"connector": connector_id})


_FORGET = text("DELETE FROM connector_check_reports WHERE connector_id = :connector")
