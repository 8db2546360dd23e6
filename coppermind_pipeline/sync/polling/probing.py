"""Probing due polls, many at once, within the time that a sensor has; only those that find something take a run."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic

import structlog
import uvloop

from coppermind_pipeline.connectors import Connector, load_connector, open_portal
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.hubspot import within
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import CONNECTIONS_MAX, Database
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.polling.due import DuePoll
from coppermind_pipeline.sync.polling.probe import found_nothing
from coppermind_pipeline.sync.polls import as_noted, poll_failed, poll_started

log = structlog.get_logger(__name__)

# A sensor's evaluation is cut after 60 s; what is not probed by then is due again at the next tick.
PROBING_MAX_S = 40.0
# One that HubSpot does not answer has failed within this, and one that has more to compare is left to a run.
PROBE_MAX_S = 20.0
REQUEST_MAX_S = 8.0
# Half of the connections: what a probe waits for in other threads finds one, also where these have one each.
PROBES_AT_ONCE_MAX = CONNECTIONS_MAX // 2

# The process's own, so that probes which hang in the database take up their places at the next tick too, and no more.
_places = ThreadPoolExecutor(PROBES_AT_ONCE_MAX, thread_name_prefix="probe")


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of due polls; all others were noted as done.

    Attributes:
        news: connectors that a sync has to run for.
        carried_over: connectors that there was no time for; they are due at the next tick, before others.
    """

    news: frozenset[str]
    carried_over: frozenset[str]


@dataclass(frozen=True, slots=True)
class PollsToRun:
    """Of due polls, those that take a run; `carried_over` of the others wait for the next tick."""

    polls: list[DuePoll]
    carried_over: int


def polls_to_run(database: Database, settings: Settings, due: Sequence[DuePoll]) -> PollsToRun:
    """Return the due polls that take a run: each but those that a probe shows to have nothing to find."""
    probed = probe_polls(database, settings, [poll for poll in due if poll.reason == "poll"])
    return PollsToRun(
        polls=[poll for poll in due if poll.reason != "poll" or poll.connector_id in probed.news],
        carried_over=len(probed.carried_over),
    )


def probe_polls(
    database: Database, settings: Settings, due: Sequence[DuePoll], *, time_s: float | None = None
) -> Probed:
    """Probe the due connectors in their order for at most `time_s`, whatever hangs meanwhile."""
    ends_at = monotonic() + (PROBING_MAX_S if time_s is None else time_s)
    probes = {
        _places.submit(_has_news, database, settings, poll.connector_id, ends_at): poll.connector_id for poll in due
    }
    done, late = wait(probes, timeout=ends_at - monotonic())
    for probe in late:
        probe.cancel()
    outcomes = {probes[probe]: _outcome(probe, probes[probe]) for probe in done}
    return Probed(
        news=frozenset(connector_id for connector_id, has_news in outcomes.items() if has_news),
        carried_over=frozenset(
            [probes[probe] for probe in late]
            + [connector_id for connector_id, has_news in outcomes.items() if has_news is None]
        ),
    )


def _outcome(probe: "Future[bool | None]", connector_id: str) -> bool | None:
    error = probe.exception()
    if error is None:
        return probe.result()
    # A run says what is wrong, where people look; and nobody else has to wait behind this one again.
    log.error("probe broke off", connector_id=connector_id, exc_info=error)
    return True


def _has_news(database: Database, settings: Settings, connector_id: str, ends_at: float) -> bool | None:
    """Probe one connector as its one writer, in a thread and event loop of its own; None where there is no time left.

    One that somebody else is writing has news of its own.
    """
    time_s = min(PROBE_MAX_S, ends_at - monotonic())
    if time_s <= 0:
        return None
    with database.connector_lock(connector_id) as granted:
        if not granted:
            return False
        connector = load_connector(database, connector_id)
        try:
            with within(time_s, request_s=REQUEST_MAX_S):
                return uvloop.run(_probe(database, settings, connector, time_s))
        except TimeoutError:
            # It had all the time that a probe may take, or else takes its turn first at the next tick.
            return True if time_s == PROBE_MAX_S else None
        except Exception as error:  # noqa: BLE001 - one connector's trouble, whatever it is, is no other's
            noted = as_noted(error)
            _note_failure(database, connector, noted)
            log.warning("probe failed", connector_id=connector_id, code=noted.code)
            return False


async def _probe(database: Database, settings: Settings, connector: Connector, time_s: float) -> bool:
    async with (
        asyncio.timeout(time_s),
        open_portal(database, settings, connector) as client,
    ):
        return not await found_nothing(SyncContext(database, connector, client))


def _note_failure(database: Database, connector: Connector, error: CoppermindError) -> None:
    with database.mind(connector.mind_id) as connection:
        poll_started(connection, connector.scope)
        poll_failed(connection, connector, error)
