"""Alerts: one message to the operator's webhook per change of a connector into, out of, or between troubles.

Any number of processes may look at once: what was told last is in the database, and whoever claims a change tells it.
No transaction is open meanwhile, so that a slow webhook holds nobody up. A process that dies between telling and noting
it leaves the one case in which a message comes twice.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Self

import httpx
import structlog
from pydantic import SecretStr
from sqlalchemy import Row, text

from coppermind_pipeline.connectors.status.facts import ConnectorFacts, read_all_facts
from coppermind_pipeline.connectors.status.next_steps import of_connector
from coppermind_pipeline.connectors.status.states import (
    OperationalState,
    headline,
    operational_state,
    state_guide,
    trouble,
)
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline.store import Database

log = structlog.get_logger(__name__)

# So long must a change have been seen to be told: after a restart everything is behind for a moment.
SETTLED_S = 60
# A connector's messages are at least this far apart from the last but one: a flapping one is told of twice an hour.
TWO_MESSAGES_EVERY_S = 3600
WEBHOOK_TIMEOUT_S = 10.0
ROUND_MAX_S = 30.0
RETRY_FIRST_S, RETRY_MAX_S = 15, 600

_CLAIM_S = 60  # longer than a message takes


@dataclass(frozen=True, slots=True)
class Alerted:
    """What a look at all connectors came to.

    Attributes:
        sent: messages that the webhook took.
        webhook_answers: it took the last one tried, or none was due.
    """

    sent: int
    webhook_answers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message about a connector; it names no record.

    Attributes:
        connector: its id.
        mind: name of the mind that it is pinned to.
        state_before: the state that was told last; None: nothing was.
        state_after: the trouble, else the status in one word.
        since: when the change was seen first.
        message: why it is so, as a sentence of ours.
        what_to_do: as a sentence.
        runbook: where more is said of the state.
    """

    connector: str
    mind: str
    state_before: str | None
    state_after: str
    since: datetime
    message: str
    what_to_do: str
    runbook: str

    @classmethod
    def of(
        cls,
        facts: ConnectorFacts,
        *,
        state_before: str | None,
        since: datetime,
        now: datetime,
        runbook_url: Callable[[str], str],
    ) -> Self:
        """Return the message about a connector as it is now, in sentences of ours: errors may quote anything."""
        state = trouble(facts, now=now) or operational_state(facts, now=now)
        in_trouble = trouble(facts, now=now) is not None
        guide = state_guide(state or OperationalState.ACTIVE, facts)
        state_after = (state or headline(facts)).value
        return cls(
            connector=facts.connector.id,
            mind=facts.mind_name,
            state_before=state_before,
            state_after=state_after,
            since=since,
            message=guide.cause if in_trouble else "It is no longer in trouble.",
            what_to_do=in_commands(of_connector(guide.person, facts)) if in_trouble else "Nothing is to be done.",
            runbook=runbook_url(state_after if in_trouble else "states"),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the body: `text` is what Slack's incoming webhooks show, the rest is for other receivers.

        Slack reads `&`, `<` and `>` as markup, by which a name could mention people:
        https://docs.slack.dev/messaging/formatting-message-text#escaping
        """
        sentence = (
            f"{self.connector} ({self.mind}) is {self.state_after}. {self.message} {self.what_to_do} {self.runbook}"
        )
        return {
            "text": html.escape(sentence, quote=False),
            "connector": self.connector,
            "mind": self.mind,
            "state_before": self.state_before,
            "state_after": self.state_after,
            "since": self.since.isoformat(),
            "message": self.message,
            "what_to_do": self.what_to_do,
            "runbook": self.runbook,
        }


def send_alerts(database: Database, webhook_url: SecretStr, *, runbook_url: Callable[[str], str]) -> Alerted:
    """Look at all connectors, and tell the webhook of each change that it has not been told.

    It ends after half a minute, and at the first message that the webhook does not take; that one is tried again by a
    later call, after a pause that grows from 15 seconds to 10 minutes.
    """
    sent, started = 0, monotonic()
    now = database.now()
    with httpx.Client(timeout=WEBHOOK_TIMEOUT_S) as client:
        for facts in _untold(database, now):
            if monotonic() - started > ROUND_MAX_S:
                break
            alert = _claim(database, facts, now, runbook_url)
            if alert is None:
                continue
            if not _tell(client, webhook_url, alert):
                _put_off(database, facts)
                return Alerted(sent, webhook_answers=False)
            _note_told(database, facts, alert, trouble(facts, now=now))
            sent += 1
    return Alerted(sent, webhook_answers=True)


def _untold(database: Database, now: datetime) -> list[ConnectorFacts]:
    """Return the connectors of which something else is so than was told last."""
    with database.scheduler() as connection:
        rows = connection.execute(text("SELECT connector_id, trouble, told_trouble FROM connector_alerts"))
        known: dict[str, Row[Any]] = {row.connector_id: row for row in rows}

    def is_told(facts: ConnectorFacts) -> bool:
        found, row = trouble(facts, now=now), known.get(facts.connector.id)
        return found is None if row is None else found == row.trouble == row.told_trouble

    return [facts for facts in read_all_facts(database) if not is_told(facts)]


def _claim(database: Database, facts: ConnectorFacts, now: datetime, runbook_url: Callable[[str], str]) -> Alert | None:
    """Note what is so, and return the message, where it is this process's to send now."""
    values = {"connector": facts.connector.id, "mind": facts.connector.mind_id, "trouble": trouble(facts, now=now)}
    with database.mind(facts.connector.mind_id) as connection:
        # What an earlier look found, and is only now noted, changes nothing.
        connection.execute(_NOTE_TROUBLE, values | {"now": now})
        claimed = connection.execute(_CLAIM, values).one_or_none()
    if claimed is None:
        return None
    return Alert.of(facts, state_before=claimed.told_state, since=claimed.since, now=now, runbook_url=runbook_url)


_NOTE_TROUBLE = text(
    """INSERT INTO connector_alerts AS known (connector_id, mind_id, trouble, since)
       VALUES (:connector, :mind, :trouble, :now)
       ON CONFLICT (connector_id) DO UPDATE
          SET trouble = excluded.trouble, since = excluded.since, attempts = 0
        WHERE known.trouble IS DISTINCT FROM excluded.trouble AND known.since < excluded.since"""
)
_CLAIM = text(
    f"""UPDATE connector_alerts
           SET attempts = attempts + 1, try_at = clock_timestamp() + interval '{_CLAIM_S} seconds'
         WHERE connector_id = :connector AND trouble IS NOT DISTINCT FROM :trouble
           AND trouble IS DISTINCT FROM told_trouble AND try_at <= clock_timestamp()
           AND since <= clock_timestamp() - interval '{SETTLED_S} seconds'
           AND (told_before_at IS NULL
                OR told_before_at <= clock_timestamp() - interval '{TWO_MESSAGES_EVERY_S} seconds')
     RETURNING told_state, since"""
)


def _tell(client: httpx.Client, webhook_url: SecretStr, alert: Alert) -> bool:
    """Send a message; return whether the webhook took it. Its address is a secret, which an error might quote."""
    try:
        status = client.post(webhook_url.get_secret_value(), json=alert.as_json()).status_code
    except httpx.HTTPError as error:
        log.warning("alert not delivered", connector_id=alert.connector, fault=type(error).__name__)
        return False
    if not httpx.codes.is_success(status):
        log.warning("alert not delivered", connector_id=alert.connector, status=status)
        return False
    return True


def _put_off(database: Database, facts: ConnectorFacts) -> None:
    with database.mind(facts.connector.mind_id) as connection:
        connection.execute(_PUT_OFF, {"connector": facts.connector.id, "first": RETRY_FIRST_S, "most": RETRY_MAX_S})


_PUT_OFF = text(
    """UPDATE connector_alerts
          SET try_at = clock_timestamp()
                     + make_interval(secs => least(:first * 2 ^ least(attempts - 1, 30), :most))
        WHERE connector_id = :connector"""
)


def _note_told(database: Database, facts: ConnectorFacts, alert: Alert, told: OperationalState | None) -> None:
    with database.mind(facts.connector.mind_id) as connection:
        connection.execute(_NOTE_TOLD, {"connector": facts.connector.id, "trouble": told, "state": alert.state_after})


_NOTE_TOLD = text(
    """UPDATE connector_alerts
          SET told_trouble = :trouble, told_state = :state, told_before_at = told_at,
              told_at = clock_timestamp(), attempts = 0, try_at = clock_timestamp()
        WHERE connector_id = :connector"""
)
