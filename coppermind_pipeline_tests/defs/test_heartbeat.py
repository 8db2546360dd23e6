"""Status says when nothing looks for due polls: the sensor is stopped, the daemon is away, or each look breaks off."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from coppermind_pipeline.accounts import Caller, local_caller
from coppermind_pipeline.connectors import StatusResponse, request_sync, status
from coppermind_pipeline.defs import sensors
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.views import connectors as connector_views
from coppermind_pipeline.interfaces.mcp.texts import readable
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, note_look_for_polls
from coppermind_pipeline_tests.stored_portal import StoredPortal

ID = "acme-hubspot-0007"


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)


@pytest.fixture
def caller(database: Database, portal: StoredPortal) -> Caller:
    return local_caller(database)


def look(database: Database, tmp_path: Path) -> None:
    installation = Installation(Settings(home=tmp_path), database)
    with dg.DagsterInstance.ephemeral() as instance:
        sensors.due_polls(dg.build_sensor_context(instance, resources={"installation": installation}))


def ask(database: Database, caller: Caller, *, minutes_later: float = 0) -> StatusResponse:
    return status(database, caller, all_minds=True, now=database.now() + timedelta(minutes=minutes_later))


def last_look(database: Database) -> datetime | None:
    with database.nobody() as connection:
        return connection.scalar(text("SELECT polls_looked_for_at FROM installation"))


def test_where_every_sync_is_by_hand_nothing_is_said(database, caller):
    answer = ask(database, caller, minutes_later=100_000)
    assert answer.polling_stopped_since is None
    assert "due_polls" not in answer.connectors[0].next_step


def test_a_look_that_is_long_ago_is_told_by_every_interface_with_what_to_do(database, caller, tmp_path, capsys):
    look(database, tmp_path)
    assert ask(database, caller, minutes_later=4).polling_stopped_since is None
    stopped = ask(database, caller, minutes_later=6)
    assert stopped.polling_stopped_since == last_look(database)
    for next_step in (stopped.next_step, stopped.connectors[0].next_step):
        assert next_step is not None
        assert "`coppermind up`" in next_step
        assert "`due_polls`" in next_step
    words = f"Nothing has looked for due polls since {last_look(database):%Y-%m-%d %H:%M} UTC"
    assert words in readable(stopped)
    output.console.cache_clear()
    output.show(stopped, as_json=False, human=lambda: connector_views.many(stopped))
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_look_that_breaks_off_is_none(database, caller, portal, tmp_path):
    portal.execute("UPDATE connectors SET sync_requested_at = now() WHERE id = :connector")

    with database.administrator() as connection:
        connection.execute(text("REVOKE SELECT ON coppermind.hubspot_polls FROM coppermind_scheduler"))
    with pytest.raises(ProgrammingError, match="permission denied"):
        look(database, tmp_path)
    assert last_look(database) is None


def test_a_paused_installation_is_paused_and_looked_after(database, caller, tmp_path):
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET paused_since = now()"))
    look(database, tmp_path)
    assert last_look(database) is not None
    answer = ask(database, caller, minutes_later=6)
    assert answer.polling_stopped_since is None
    assert "--resume" in answer.connectors[0].next_step


def test_what_a_person_has_to_do_first_stays_first(database, caller, portal):
    note_look_for_polls(database)
    portal.execute("UPDATE connectors SET status = 'inactive', disconnected_at = now() WHERE id = :connector")
    answer = ask(database, caller, minutes_later=6)
    assert answer.polling_stopped_since is not None
    assert "due_polls" not in answer.connectors[0].next_step


def test_a_poll_that_is_asked_for_meanwhile_says_that_nobody_hears(database, caller, portal):
    note_look_for_polls(database)
    assert "within seconds" in request_sync(database, caller, ID).next_step
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET polls_looked_for_at = now() - interval '1 hour'"))
    assert "`due_polls`" in request_sync(database, caller, ID).next_step
