"""Each condition, caused at a sandbox portal: its check is red with the next tick, and green once it is mended.

Nothing runs for the connector: a poll is its steps without Dagster, which the sensor alone tells of.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.catalog import profile_is_outdated
from coppermind_pipeline.connectors import complete_authorization, configure, connect, resync
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.memories import drain, map_records, replay_dead
from coppermind_pipeline.reports import profile_portal
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import failure_noted
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, approve, settings_for
from coppermind_pipeline_tests.defs.health.operator import Operator
from coppermind_pipeline_tests.sync.reconciled import Reconciling

pytestmark = pytest.mark.slow

_MISSING_SCOPE = {"category": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes."}


@dataclass(frozen=True, slots=True)
class Watched:
    """A connector in good order, and what can happen to it."""

    connected: Connected
    sandbox: RunningSandbox

    def poll(self) -> None:
        """Read, normalize and link, note what stands in the way of that, and write memories."""
        try:
            with failure_noted(self.connected.database, self.connected.connector, step="raw"):
                asyncio.run(self.connected.sync())
        except CoppermindError:
            return
        self._profile()
        self._write()

    def synthesize(self) -> None:
        connector = self.connected.connector
        try:
            synthesize(
                self.connected.database,
                connector_id=connector.id,
                mind_id=connector.mind_id,
                cadence=connector.config.hubspot_synthesis_cadence,
                config=connector.config,
                now=datetime.now(UTC),
                refresh=True,
            )
        except CoppermindError:
            return
        self._drain()

    def reconcile(self) -> None:
        found = Reconciling(self.connected, self.sandbox).reconcile(every=timedelta(0), index_delay=timedelta(0))
        asyncio.run(found)

    def configure(self, **settings: object) -> None:
        configure(self.connected.database, local_caller(self.connected.database), self.connected.connector_id, settings)
        self.poll()

    def owner(self, *statements: str) -> None:
        """Do what no program of the product does: to let time pass, or to break something."""
        with self.connected.database.owner() as connection:
            for statement in statements:
                connection.execute(text(statement), {"connector": self.connected.connector_id})

    def _profile(self) -> None:
        connector = self.connected.connector
        with self.connected.database.mind(connector.mind_id) as connection:
            if profile_is_outdated(connection, connector.id, now=datetime.now(UTC)):
                profile_portal(connection, connector, now=datetime.now(UTC))

    def _write(self) -> None:
        connector = self.connected.connector
        map_records(self.connected.database, connector_id=connector.id, mind_id=connector.mind_id)
        self._drain()

    def _drain(self) -> None:
        connector = self.connected.connector
        drain(self.connected.database, connector_id=connector.id, mind_id=connector.mind_id)


@pytest.fixture
def watched(database: Database, tmp_path: Path) -> Iterator[Watched]:
    config = SandboxConfig(contacts=6, companies=3, deals=4, definitions_per_type=60, limits=False)
    with RunningSandbox(config) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
        watched = Watched(connected, sandbox)
        watched.poll()
        connector = connected.connector
        with database.mind(connector.mind_id) as connection:
            profile_portal(connection, connector, now=datetime.now(UTC))
        watched.synthesize()
        yield watched


@pytest.fixture
def operator(watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    database = watched.connected.database
    for name, value in prepare_dagster_home(watched.connected.settings, database).items():
        monkeypatch.setenv(name, value)
    instance = dg.DagsterInstance.get()
    instance.add_dynamic_partitions(PARTITIONS, [watched.connected.connector_id])
    yield Operator(instance, database, tmp_path)
    instance.dispose()


def _uninstall(watched: Watched) -> None:
    watched.sandbox.control.uninstall()
    watched.poll()


def _approve_again(watched: Watched) -> None:
    database, settings = watched.connected.database, watched.connected.settings
    link = connect(database, settings, local_caller(database), mind="Acme", callback_listening=True)
    answer = approve(link.auth_url)
    asyncio.run(complete_authorization(database, settings, state=answer["state"], code=answer["code"]))
    watched.poll()


def _refuse_a_scope(watched: Watched) -> None:
    watched.sandbox.control.add_fault(Fault(path="/contacts/search", status=403, body=_MISSING_SCOPE, count=None))
    watched.poll()


def _clear_faults(watched: Watched) -> None:
    watched.sandbox.control.clear_faults()
    watched.poll()


def _use_up_the_day(watched: Watched) -> None:
    watched.sandbox.control.set_daily_limit(3)
    watched.poll()


def _let_a_day_begin(watched: Watched) -> None:
    watched.sandbox.control.set_daily_limit(None)
    watched.owner("UPDATE rate_limit_states SET blocked_until = NULL")
    watched.poll()


def _let_time_pass(watched: Watched) -> None:
    watched.owner("UPDATE hubspot_polls SET last_succeeded_at = last_succeeded_at - interval '40 minutes'",
                  "UPDATE hubspot_cursors SET page_stored_at = page_stored_at - interval '40 minutes'")  # fmt: skip


def _read_again(watched: Watched) -> None:
    resync(watched.connected.database, local_caller(watched.connected.database), watched.connected.connector_id)


def _refuse_properties(watched: Watched) -> None:
    watched.sandbox.control.set_switches(refused_properties=("phone",))
    watched.sandbox.control.edit("contacts", None, {"jobtitle": "Head of Nothing"})
    watched.poll()


def _refuse_no_property(watched: Watched) -> None:
    watched.sandbox.control.set_switches(refused_properties=())
    watched.owner("UPDATE hubspot_hydrations SET tried_at = tried_at - interval '25 hours'")
    watched.sandbox.control.edit("contacts", None, {"jobtitle": "Head of Something"})
    watched.poll()


def _lead_status(watched: Watched, *options: tuple[str, str]) -> None:
    document = {"name": "hs_lead_status", "label": "Lead Status", "type": "enumeration", "fieldType": "select"}
    shown = [{"value": value, "label": label, "displayOrder": 0, "hidden": False} for value, label in options]
    watched.sandbox.control.set_property("contacts", document | {"options": shown})
    watched.sandbox.control.edit("contacts", None, {"hs_lead_status": "BAD_TIMING"})
    watched.poll()


def _fail_to_write(watched: Watched) -> None:
    watched.owner("ALTER TABLE memories ADD CONSTRAINT broken CHECK (type <> 'stakeholder') NOT VALID")
    watched.sandbox.control.edit("contacts", None, {"jobtitle": "Head of Nothing"}, first=2)
    watched.poll()
    for _ in range(4):
        watched.owner("UPDATE memory_queue SET available_at = now()")
        watched._drain()


def _write_after_all(watched: Watched) -> None:
    watched.owner("ALTER TABLE memories DROP CONSTRAINT broken")
    connector = watched.connected.connector
    replay_dead(watched.connected.database, connector_id=connector.id, mind_id=connector.mind_id)
    watched._drain()


def _fail_to_synthesize(watched: Watched) -> None:
    watched.owner("ALTER TABLE memory_queue ADD CONSTRAINT broken CHECK (aggregate_scope IS NULL) NOT VALID")
    watched.sandbox.control.edit("deals", None, {"amount": "17"})
    watched.poll()
    watched.synthesize()


def _synthesize_after_all(watched: Watched) -> None:
    watched.owner("ALTER TABLE memory_queue DROP CONSTRAINT broken")
    watched.synthesize()


def _hide_from_search(watched: Watched) -> None:
    control = watched.sandbox.control
    control.set_switches(index_delay_ms=10 * 86_400_000)
    control.create("contacts", {"firstname": "Unseen"}, at_ms=control.now_ms() - 3 * 86_400_000)
    for _ in range(3):
        watched.reconcile()


def _show_to_search(watched: Watched) -> None:
    watched.sandbox.control.advance_clock(10 * 86_400_000 + 1)
    watched.reconcile()


_Act = Callable[[Watched], None]

# check, what breaks it, a word of the description, what mends it
_CASES: list[tuple[str, _Act, str, _Act]] = [
    ("authorized", _uninstall, "no longer accepts", _approve_again),
    ("scopes_granted", _refuse_a_scope, "lack of a scope", _clear_faults),
    ("within_rate_limits", _use_up_the_day, "resumes by itself", _let_a_day_begin),
    ("fresh", _let_time_pass, "40 minutes ago", Watched.poll),
    ("backfill_complete", _read_again, "goes on by itself", Watched.poll),
    ("hydrated", _refuse_properties, "1 property of contacts", _refuse_no_property),
    ("labels_resolved", lambda w: _lead_status(w, ("NEW", "New")), "6 memories say in words",
     lambda w: _lead_status(w, ("BAD_TIMING", "Bad Timing"))),
    ("filters_effective", lambda w: w.configure(hubspot_filters={"contacts": {"no_such_property": ["x"]}}),
     "does not have what it names", lambda w: w.configure(hubspot_filters=None)),
    ("filters_effective", lambda w: w.configure(hubspot_filters={"contacts": {"email": ["x@example.org"]}}),
     "6 of 6 contacts", lambda w: w.configure(hubspot_filters=None)),
    ("filters_effective", lambda w: w.configure(hubspot_excluded_domains=["nobody.example"]),
     "remove nothing", lambda w: w.configure(hubspot_excluded_domains=None)),
    ("queue_flowing", _fail_to_write, "2 entries of the memory queue failed for good", _write_after_all),
    ("synthesis_published", _fail_to_synthesize, "last synthesis failed", _synthesize_after_all),
    ("without_drift", _hide_from_search, "contacts: 6 in HubSpot, 7 stored", _show_to_search),
    ("without_internal_values", lambda w: _lead_status(w, ("BAD_TIMING", "BAD_TIMING")), "6 memories show a value",
     lambda w: _lead_status(w, ("BAD_TIMING", "Bad Timing"))),
]  # fmt: skip


@pytest.mark.parametrize(("check", "break_it", "said", "mend_it"), _CASES)
def test_a_condition_turns_its_check_red_and_its_mend_turns_it_green(
    watched: Watched, operator: Operator, check: str, break_it: _Act, said: str, mend_it: _Act
):
    operator.tick()
    before = {each.check_name: each.description for each in operator.evaluations() if not each.passed}
    assert check not in before, before
    break_it(watched)
    operator.tick()
    red = operator.latest(check)
    assert (red.passed, red.partition) == (False, watched.connected.connector_id)
    assert said in (red.description or "")
    entry = f"http://localhost:8480/runbook#{check}"
    assert (red.description or "").endswith(f" More: {entry}")
    assert red.metadata["runbook"] == dg.MetadataValue.url(entry)
    mend_it(watched)
    operator.tick()
    assert operator.latest(check).passed, operator.latest(check).description


def test_a_connector_that_needs_a_person_turns_the_fleet_red_until_somebody_approves(
    watched: Watched, operator: Operator
):
    operator.tick()
    assert operator.latest("nobody_needed").passed
    _uninstall(watched)
    operator.tick()
    red = operator.latest("nobody_needed")
    assert not red.passed
    assert f"1 in auth_error ({watched.connected.connector_id})" in (red.description or "")
    _approve_again(watched)
    operator.tick()
    assert operator.latest("nobody_needed").passed
