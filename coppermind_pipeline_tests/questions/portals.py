"""Four portals, read at a board meeting and again later, as a mind each of one database; and what they hold themselves.

Whatever is dated by the store is moved to these two times, so that no answer depends on the day of the asking.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from coppermind_pipeline.accounts import Mind, local_caller, resolve_mind
from coppermind_pipeline.interfaces.demo.demonstration import PORTAL
from coppermind_pipeline.sandbox import Clock, ControlClient, PortalState, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.questions.made import PIPELINES, fill_imported, fill_tangled, live_on, live_on_tangled
from coppermind_pipeline_tests.sync.reconciled import Reconciling

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday
BOARD = datetime(2026, 10, 30, 10, tzinfo=UTC)  # before 31 October has begun anywhere
SYNCED = NOW - timedelta(minutes=4)
SINCE = datetime(2024, 11, 18, 12, tzinfo=UTC)

_BARE = SandboxConfig(contacts=0, companies=0, deals=0, generated_at=BOARD, limits=False, definitions_per_type=40,
                      token_lifetime_s=10_000_000)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How a portal is made.

    Attributes:
        fill: adds what it holds at the board meeting; live_on: what happens until it is read again.
        config: the connector's configuration, beside where its window starts.
        excluded: the e-mail domain that the configuration leaves out; deal_types: those that it keeps, None: all.
        company: the name of a company that questions ask for; None: the one with most deals.
    """

    sandbox: SandboxConfig
    fill: Callable[[ControlClient, Random], None] | None = None
    live_on: Callable[[ControlClient, Random, datetime, datetime], None] | None = None
    config: Mapping[str, Any]
    excluded: str = ""
    deal_types: tuple[str, ...] | None = None
    fiscal_month: int = 1
    company: str | None = None


PORTALS: Mapping[str, Made] = {
    "Harborlight": Made(
        sandbox=replace(PORTAL, contacts=PORTAL.contacts // 10, companies=PORTAL.companies // 10,
                        deals=PORTAL.deals // 10, generated_at=BOARD, limits=False, token_lifetime_s=10_000_000),
        live_on=live_on,
        config={"hubspot_excluded_email_domains": [PORTAL.own_domain]},
        excluded=PORTAL.own_domain,
    ),
    "Kestrel": Made(
        sandbox=replace(_BARE, seed=5, time_zone="America/Los_Angeles", company_currency="EUR",
                        additional_currencies=("USD", "GBP")),
        fill=fill_tangled,
        live_on=live_on_tangled,
        config={"hubspot_excluded_email_domains": ["kestrel.example"], "fiscal_year_start_month": 4,
                "hubspot_property_filters": {"deals": {"dealtype": ["newbusiness", "existingbusiness"]}}},
        excluded="kestrel.example",
        deal_types=("newbusiness", "existingbusiness"),
        fiscal_month=4,
        company="Acme",
    ),
    "Bluefin": Made(
        sandbox=replace(_BARE, seed=6, time_zone="Pacific/Auckland", company_currency="NZD", additional_currencies=()),
        fill=fill_imported,
        config={},
        company="Acme",
    ),
    "Newcomer": Made(sandbox=replace(_BARE, seed=7), config={}, company="Acme"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A portal that was read, and what it held at the board meeting and holds now."""

    name: str
    made: Made
    mind: Mind
    database: Database
    connected: Connected
    before: PortalState
    after: PortalState

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.made.sandbox.time_zone)

    @property
    def company_currency(self) -> str:
        return self.made.sandbox.company_currency


def read_portals(database: Database, home: Path, names: tuple[str, ...] = tuple(PORTALS)) -> list[Asked]:
    """Return the portals of these names, each read twice into a mind of that name."""
    return [asyncio.run(_read(database, home, name)) for name in names]


async def _read(database: Database, home: Path, name: str) -> Asked:
    made = PORTALS[name]
    chance = Random(name)
    with RunningSandbox(made.sandbox, clock=Clock(BOARD.timestamp)) as sandbox:
        if made.sandbox.deals == 0:
            sandbox.control.set_pipelines(PIPELINES)
        if made.fill is not None:
            made.fill(sandbox.control, chance)
        config = {"hubspot_backfill_since": SINCE.isoformat(), **made.config}
        connected = await Connected.create(database, settings_for(sandbox, home), mind=name, config=config)
        portal = Reconciling(connected, sandbox)
        await _sync_at(portal, BOARD)
        before = sandbox.control.export()
        if made.live_on is not None:
            made.live_on(sandbox.control, chance, BOARD, NOW)
        sandbox.control.advance_clock(int((SYNCED - BOARD) / timedelta(milliseconds=1)))
        await _sync_at(portal, SYNCED)
        after = sandbox.control.export()
    mind = resolve_mind(database, local_caller(database), name)
    return Asked(name=name, made=made, mind=mind, database=database, connected=connected, before=before, after=after)


async def _sync_at(portal: Reconciling, at: datetime) -> None:
    assert (await portal.pull()).complete
    connected = portal.connected
    with connected.database.mind(connected.connector.mind_id) as connection:
        for statement in _MOVE:
            connection.execute(text(statement), {"connector": connected.connector_id, "at": at, "board": BOARD})
    portal.derive()


_MOVE = (
    """UPDATE hubspot_raw_records SET read_at = :at
        WHERE connector_id = :connector AND read_at <> :board""",
    """UPDATE hubspot_raw_associations SET read_at = :at
        WHERE connector_id = :connector AND read_at <> :board""",
    """UPDATE hubspot_merges SET found_at = :at WHERE connector_id = :connector AND found_at <> :board""",
    """UPDATE hubspot_backfills SET started_at = :board, completed_at = :board, first_completed_at = :board
        WHERE connector_id = :connector""",
    """UPDATE hubspot_polls SET last_started_at = :at, last_succeeded_at = :at, last_ended_at = :at,
                                read_to_end_at = :at
        WHERE connector_id = :connector""",
    """UPDATE hubspot_cursors SET watermark = :at - interval '1 hour'
        WHERE connector_id = :connector AND watermark IS NOT NULL""",
)
