"""All connectors at one look: how many are how, which ones need a person, and which are worst."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.status.facts import ConnectorFacts
from coppermind_pipeline.connectors.status.next_steps import needs_person, next_step, of_connector
from coppermind_pipeline.connectors.status.states import (
    Headline,
    OperationalState,
    headline,
    operational_state,
    trouble,
)
from coppermind_pipeline.store import Database

WORST_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One connector of the fleet.

    Attributes:
        state: its trouble, which work that goes on does not hide; else what it is doing.
        in_trouble: it is one of which an operator is alerted.
        needs_person: the trouble ends by nobody's doing but a person's.
        lag: since the last complete pull, or the approval before the first; None where nothing is to be read.
        next_step: what to do now, in one sentence.
    """

    connector_id: str
    state: OperationalState | Headline
    in_trouble: bool
    needs_person: bool
    lag: timedelta | None
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All connectors of the installation.

    Attributes:
        members: each of them, worst first.
        queue_waiting, queue_dead: entries of all memory queues.
    """

    members: Sequence[Member]
    queue_waiting: int
    queue_dead: int

    @property
    def by_state(self) -> Mapping[str, int]:
        """How many connectors are in each state, those that none is in included."""
        states = [*OperationalState, Headline.PENDING_SETUP, Headline.INACTIVE]
        counted = Counter(member.state.value for member in self.members)
        return {state.value: counted[state.value] for state in states}

    @property
    def needing_person(self) -> Sequence[Member]:
        """Those that wait for a person, worst first."""
        return [member for member in self.members if member.needs_person]

    @property
    def oldest_lag(self) -> timedelta | None:
        """The longest time since a complete pull; None where nothing is to be read."""
        return max((member.lag for member in self.members if member.lag is not None), default=None)

    @property
    def worst(self) -> Sequence[Member]:
        """The first few of those that are in trouble, or furthest behind."""
        return [member for member in self.members if member.in_trouble or member.lag is not None][:WORST_SHOWN]


def fleet_of(found: Sequence[ConnectorFacts], *, now: datetime) -> Fleet:
    """Return the fleet as these connectors are."""
    members = sorted((_member(facts, now) for facts in found), key=_badness)
    return Fleet(
        members=members,
        queue_waiting=sum(facts.queue.waiting for facts in found),
        queue_dead=sum(facts.queue.dead for facts in found),
    )


def _member(facts: ConnectorFacts, now: datetime) -> Member:
    found = trouble(facts, now=now)
    read_at = facts.poll.last_succeeded_at or facts.connector.connected_at
    is_read = facts.connector.status is Lifecycle.ACTIVE and read_at is not None
    return Member(
        connector_id=facts.connector.id,
        state=found or operational_state(facts, now=now) or headline(facts),
        in_trouble=found is not None,
        needs_person=needs_person(facts, now=now) is not None,
        lag=now - read_at if is_read and read_at is not None else None,
        next_step=of_connector(next_step(facts, now=now), facts, names_mind=False),
    )


def _badness(member: Member) -> tuple[bool, bool, timedelta, str]:
    return not member.needs_person, not member.in_trouble, -(member.lag or timedelta()), member.connector_id


def requests_sent(database: Database) -> int:
    """Return how many calls HubSpot was sent, by the books of the rate budgets, which a crash of the server clears."""
    with database.nobody() as connection:
        return connection.scalar(_REQUESTS) or 0


_REQUESTS = text("SELECT CAST(sum(calls) AS bigint) FROM rate_limit_states")
