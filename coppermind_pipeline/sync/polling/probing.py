"""Probing due polls, many at once, within the time that a sensor has; only those that find something take a run."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import Enum, auto
from time import monotonic

import structlog
import uvloop
from structlog.contextvars import bound_contextvars

from coppermind_pipeline.connectors import Connector, load_connector, open_portal
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.hubspot import RetryLimits, within
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import CONNECTIONS_MAX, Database
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.polling.due import DuePoll
from coppermind_pipeline.sync.polling.probe import answers, found_nothing
from coppermind_pipeline.sync.polls import as_noted, poll_failed, poll_started

log = structlog.get_logger(__name__)

# A sensor's evaluation is cut after 60 s; what is not probed by then is due again at the next tick.
PROBING_MAX_S = 40.0
# One that HubSpot does not answer has failed within this, and one that has more to compare is left to a run.
PROBE_MAX_S = 15.0
# There is no time for a second one of these: a portal that hangs holds its place for no longer.
REQUEST_MAX_S = 8.0
_RETRY_LIMITS = RetryLimits(attempts=3)
_RETRY_LIMITS_OF_FAILING = RetryLimits(attempts=2)

# Half of the connections: what a probe waits for in other threads finds one, also where these have one each. Portals
# whose last poll failed have few places of their own, so that any number of them that hang delays no other.
LOOKS_AT_ONCE_MAX = 3
PROBES_AT_ONCE_MAX = CONNECTIONS_MAX // 2 - LOOKS_AT_ONCE_MAX

# The process's own, so that probes which hang in the database take up their places at the next tick too, and no more.
_places = ThreadPoolExecutor(PROBES_AT_ONCE_MAX, thread_name_prefix="probe")
_places_of_failing = ThreadPoolExecutor(LOOKS_AT_ONCE_MAX, thread_name_prefix="look")


class _Found(Enum):
    """What a probe came to.

    `SLOW`: HubSpot answers, but not all of a probe in its time. `LATE`: there was no time left for it.
    """

    NOTHING = auto()
    NEWS = auto()
    SLOW = auto()
    LATE = auto()


@dataclass(frozen=True, slots=True)
class PollsToRun:
    """Of due polls, those that take a run; all others were noted as done, or as failed.

    Attributes:
        polls: a slow portal's is one that is failing, so that it gets a run with those and delays no other.
        carried_over: connectors that there was no time for; they are due at the next tick, before others.
    """

    polls: tuple[DuePoll, ...] = ()
    carried_over: frozenset[str] = frozenset()


def polls_to_run(
    database: Database, settings: Settings, due: Sequence[DuePoll], *, time_s: float = PROBING_MAX_S
) -> PollsToRun:
    """Probe due polls in their order for at most `time_s`, whatever hangs meanwhile, and return those with news."""
    ends_at = monotonic() + time_s
    probes = {
        (_places_of_failing if poll.failing else _places).submit(_probe, database, settings, poll, ends_at): poll
        for poll in due
    }
    done, late = wait(probes, timeout=ends_at - monotonic())
    for probe in late:
        probe.cancel()
    found = {poll: _outcome(probe, poll) if probe in done else _Found.LATE for probe, poll in probes.items()}
    return PollsToRun(
        polls=tuple(
            replace(poll, failing=True) if outcome is _Found.SLOW else poll
            for poll, outcome in found.items()
            if outcome in {_Found.NEWS, _Found.SLOW}
        ),
        carried_over=frozenset(poll.connector_id for poll, outcome in found.items() if outcome is _Found.LATE),
    )


def _outcome(probe: "Future[_Found]", poll: DuePoll) -> _Found:
    error = probe.exception()
    if error is None:
        return probe.result()
    # A run says what is wrong, where people look; and nobody else has to wait behind this one again.
    log.error("probe broke off", connector_id=poll.connector_id, exc_info=error)
    return _Found.SLOW


def _probe(database: Database, settings: Settings, poll: DuePoll, ends_at: float) -> _Found:
    """Probe one connector as its one writer, in a thread and event loop of its own.

    One that somebody else is writing has news of its own. One that fails has failed its poll, with the cause.
    """
    time_s = min(PROBE_MAX_S, ends_at - monotonic())
    if time_s <= 0:
        return _Found.LATE
    named = bound_contextvars(connector_id=poll.connector_id)
    with named, database.connector_lock(poll.connector_id) as granted:
        if not granted:
            return _Found.NOTHING
        connector = load_connector(database, poll.connector_id)
        try:
            with within(time_s, request_s=REQUEST_MAX_S):
                return uvloop.run(_ask(database, settings, connector, poll, time_s))
        except TimeoutError:
            # It had all the time that a probe may take, or else takes its turn first at the next tick.
            return _Found.SLOW if time_s == PROBE_MAX_S else _Found.LATE
        except Exception as error:  # noqa: BLE001 - one connector's trouble, whatever it is, is no other's
            noted = as_noted(error)
            _note_failure(database, connector, noted)
            log.warning("probe failed", code=noted.code)
            return _Found.NOTHING


async def _ask(database: Database, settings: Settings, connector: Connector, poll: DuePoll, time_s: float) -> _Found:
    limits = _RETRY_LIMITS_OF_FAILING if poll.failing else _RETRY_LIMITS
    async with (
        asyncio.timeout(time_s),
        open_portal(database, settings, connector, retry_limits=limits) as client,
    ):
        context = SyncContext(database, connector, client)
        if poll.backfilling:
            await answers(context)
            return _Found.NEWS
        return _Found.NOTHING if await found_nothing(context) else _Found.NEWS


def _note_failure(database: Database, connector: Connector, error: CoppermindError) -> None:
    with database.mind(connector.mind_id) as connection:
        poll_started(connection, connector.scope)
        poll_failed(connection, connector, error)
