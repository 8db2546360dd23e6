"""Whatever the machine refuses is one sentence and exit code 1 or 2, on any command, and never a traceback."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from typer.core import TyperGroup
from typer.main import get_command

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.interfaces.cli.app import app
from coppermind_pipeline.interfaces.faults import known_fault
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, embedded
from coppermind_pipeline_tests.interfaces.mcp.assistant import in_process
from coppermind_pipeline_tests.small_disks import fill, mounted
from coppermind_pipeline_tests.stored_portal import StoredPortal

# One of each kind: reading, writing, serving, and those that start what runs on.
COMMANDS = (
    ("minds", "list"),
    ("minds", "create", "Acme"),
    ("connectors", "status"),
    ("memory", "report"),
    ("sync", "hubspot_1"),
    ("keys", "list"),
    ("web", "--sign-in-link"),
    ("mcp",),
    ("db", "upgrade"),
    ("db", "url"),
)


def _refused(coppermind, *arguments: str, exit_code: int = 1) -> dict[str, str]:
    """Run a command that fails, for people and for machines; return the error."""
    said = coppermind(*arguments)
    assert said.exit_code == exit_code
    assert said.stderr.startswith("Error: ")
    told = coppermind(*arguments, "--json")
    assert told.exit_code == exit_code
    for result in (said, told):
        assert "Traceback" not in result.stdout + result.stderr
    error = json.loads(told.stdout)["error"]
    assert error["message"] in said.stderr
    return error


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_database_that_cannot_be_reached(coppermind, monkeypatch, arguments):
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", "postgresql://nobody:hidden-word@127.0.0.1:1/nothing")
    error = _refused(coppermind, *arguments)
    assert error["code"] == "database_unavailable"
    assert "hidden-word" not in error["message"]


@pytest.mark.parametrize(
    "url",
    ["nonsense", "mysql://u:hidden-word@h/x", "postgresql://u:hidden-word@h:port/x", "postgresql:/hidden-word"],
)
def test_a_database_address_that_is_none(coppermind, monkeypatch, url):
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", url)
    error = _refused(coppermind, "minds", "list", exit_code=2)
    assert error["code"] == "settings"
    assert "COPPERMIND_DATABASE_URL" in error["message"]
    assert "hidden-word" not in json.dumps(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.set(password="guessed"), "password authentication failed"),
        (lambda url: url.set(database="no_such_database"), "does not exist"),
        (lambda url: url.update_query_dict({"sslmode": "perhaps"}), "sslmode"),
    ],
    ids=["password", "database", "option"],
)
def test_a_database_that_refuses_us(coppermind, monkeypatch, database_url, change, said):
    refusing = change(make_url(database_url))
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", refusing.render_as_string(hide_password=False))
    error = _refused(coppermind, "minds", "list")
    assert error["code"] == "database_unavailable"
    assert said in error["message"]
    assert "guessed" not in json.dumps(error)


def test_a_login_that_may_not_upgrade(coppermind, monkeypatch, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE ROLE unprivileged LOGIN PASSWORD 'known'")
        connection.execute("UPDATE coppermind.alembic_version SET version_num = '0035'")
    login = make_url(database_url).set(username="unprivileged", password="known")
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", login.render_as_string(hide_password=False))
    try:
        error = _refused(coppermind, "minds", "list")
    finally:
        with psycopg.connect(database_url) as connection:
            connection.execute("DROP ROLE unprivileged")
    assert error["code"] == "database_unavailable"
    assert "permission denied" in error["message"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_older_program_on_a_newer_schema(coppermind, database, arguments):
    with database.owner() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    error = _refused(coppermind, *arguments)
    assert error["code"] == "newer_schema"
    assert "9999" in error["message"]


def test_a_database_that_goes_away_while_a_command_works(coppermind, monkeypatch, database):
    def cut(*_: object) -> None:
        with database.administrator() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"))  # fmt: skip
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    monkeypatch.setattr("coppermind_pipeline.accounts.local_caller", cut)
    assert _refused(coppermind, "minds", "list")["code"] == "database_unavailable"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/home/us/file"), "disk_full"),
        (psycopg.errors.DiskFull("could not extend file"), "disk_full"),
        (OperationalError("INSERT", {}, psycopg.errors.DiskFull("could not extend file")), "disk_full"),
        (ExceptionGroup("of a server", [OSError(errno.ENOSPC, "No space left on device")]), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied", "/home/us/file"), "file_refused"),
        (psycopg.OperationalError("the connection is closed"), "database_unavailable"),
    ],
)
def test_what_a_machine_refuses_has_a_code_of_its_own(raised, code):
    found = known_fault(raised)
    assert found is not None
    assert found.code == code
    wrapped = RuntimeError("of a library")
    wrapped.__cause__ = raised
    assert known_fault(wrapped) is not None


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("ours"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),  # the command line's own: whoever read us has gone
        FileNotFoundError(errno.ENOENT, "No such file or directory", "style.css"),
        OperationalError("UPDATE", {}, psycopg.errors.DeadlockDetected("deadlock detected")),
    ],
)
def test_faults_of_the_program_stay_what_they_are(raised):
    assert known_fault(raised) is None


@pytest.mark.parametrize("arguments", [("web", "--sign-in-link"), ("minds", "list"), ("up",)])
def test_a_home_that_is_a_file_keeps_its_mode(coppermind, monkeypatch, tmp_path, arguments):
    file = tmp_path / "file"
    file.touch(mode=0o644)
    monkeypatch.setenv("COPPERMIND_HOME", str(file))
    assert _refused(coppermind, *arguments)["code"] == "file_refused"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_home_in_which_others_keep_things_stays_open_to_them(coppermind, monkeypatch, database, tmp_path):
    (tmp_path / "others.txt").touch()
    tmp_path.chmod(0o755)
    monkeypatch.setenv("COPPERMIND_HOME", str(tmp_path))
    coppermind("web", "--sign-in-link")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("arguments", "directory"), [(("web", "--sign-in-link"), "."), (("sync", "acme-hubspot-0007"), "dagster")]
)
@pytest.mark.parametrize("before", [None, 0o755])
def test_the_home_is_closed_to_others_whatever_opens_it_first(
    coppermind, monkeypatch, database, local_customer, tmp_path, arguments, directory, before
):
    StoredPortal.create(database, local_customer)
    home = tmp_path / "new" / "home"
    if before is not None:
        (home / directory).mkdir(parents=True)
        home.chmod(before)
        (home / directory).chmod(before)
    monkeypatch.setenv("COPPERMIND_HOME", str(home))
    coppermind(*arguments)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / directory).stat().st_mode) == 0o700


async def test_an_assistant_hears_that_the_database_is_away_and_not_where_it_is(database, tmp_path):
    caller = local_caller(database)
    away = Database("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)
    async with in_process(Installation(Settings(home=tmp_path), away), caller) as assistant:
        error = await assistant.fail("minds", action="list")
    assert error["code"] == "database_unavailable"
    assert "127.0.0.1" not in json.dumps(error)


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="coppermind-tests-"))
    yield directory
    embedded.stop(directory)
    shutil.rmtree(directory)


def _run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the home's embedded server."""
    environment = os.environ | {"COPPERMIND_HOME": str(home), "COPPERMIND_DATABASE_URL": ""}
    program = Path(sys.executable).with_name("coppermind")
    return subprocess.run([program, *arguments], env=environment, check=False, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("minds", "list"), ("up",), ("db", "start")], ids=" ".join)
def test_a_home_that_is_read_only(home, arguments):
    with mounted(home, "ro"):
        done = _run(home, *arguments, "--json")
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "file_refused"
    assert str(home) in error["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_disk_that_is_too_small_to_begin_with(home):
    with mounted(home, "size=8m"):
        done = _run(home, "minds", "list", "--json")
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] in {"database_not_started", "disk_full"}
    assert "No space left" in error["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_disk_that_fills_up_and_is_freed_again(home):
    with mounted(home, "size=120m"):
        assert _run(home, "minds", "create", "Acme").returncode == 0
        filler = fill(home)
        done = _run(home, "minds", "create", "Beta", "--json")
        assert done.returncode == 1, done.stdout
        assert json.loads(done.stdout)["error"]["code"] in {"database_not_started", "disk_full", "database_unavailable"}
        assert "Traceback" not in done.stderr
        filler.unlink()
        assert "Acme" in _run(home, "minds", "list").stdout
        embedded.stop(home)


def test_commands_of_every_group_are_tried():
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    groups = {name for name, command in root.commands.items() if isinstance(command, TyperGroup)}
    assert {arguments[0] for arguments in COMMANDS} >= groups - {"customers", "tokens", "sandbox"}
