"""What holds for all commands, and the small groups."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from typer.main import get_command

import coppermind_pipeline
from coppermind_pipeline.accounts import begin_session, find_session
from coppermind_pipeline.interfaces.cli.app import app
from coppermind_pipeline.interfaces.cli.output import in_commands
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline_tests.interfaces.web.visitors import token_of

COMMANDS = {
    "up", "web", "sync",
    "customers create", "customers list",
    "minds create", "minds list", "minds switch", "minds update",
    "connectors connect", "connectors status", "connectors configure", "connectors sync", "connectors resync",
    "connectors events", "connectors disconnect",
    "memory search", "memory list", "memory get", "memory queue", "memory report", "memory metrics", "memory account",
    "memory brief", "memory changes", "memory digest", "memory explain", "memory leads",
    "mcp", "tokens create", "tokens list", "tokens revoke",
    "sandbox serve", "worker",
    "keys list", "keys rotate",
    "db start", "db stop", "db upgrade", "db size", "db url", "db backup", "db restore",
}  # fmt: skip


def _all_commands(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _all_commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_command_is_there_with_help_for_itself_and_its_options():
    found = dict(_all_commands(get_command(app)))
    assert set(found) == COMMANDS
    for name, command in found.items():
        assert command.help, name
        for parameter in command.params:
            if parameter.name != "help":
                assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


def test_every_command_answers_for_machines_too():
    without = {name for name, command in _all_commands(get_command(app)) if "--json" not in
               {option for parameter in command.params for option in parameter.opts}}  # fmt: skip
    assert without == {"sandbox serve", "worker"}


def test_help_comes_at_once_without_the_heavy_libraries():
    heavy = {"sqlalchemy", "dagster", "pandas", "starlette", "httpx", "pydantic"}
    script = (
        "import sys\nfrom coppermind_pipeline.interfaces.cli import main\nsys.argv = ['coppermind', '--help']\n"
        f"try:\n    main()\nfinally:\n    assert not {heavy!r} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_a_failure_is_a_sentence_and_a_hint_with_exit_code_1(coppermind, monkeypatch):
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", "postgresql://nobody:hidden-word@127.0.0.1:1/nothing")
    result = coppermind("minds", "list")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "The database can't be reached" in result.stderr
    assert "Check COPPERMIND_DATABASE_URL" in result.stderr
    assert "hidden-word" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_call_exits_2_and_speaks_json_where_asked(coppermind):
    result = coppermind("minds", "switch", "nobody", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "mind_not_found"
    assert result.stderr == ""


@pytest.mark.parametrize("call", ["minds list --custmer x", "minds lst", "minds create", "minds create A --kind clent"])
def test_a_call_that_cannot_be_understood_is_answered_in_json_too(coppermind, call):
    result = coppermind(*call.split(), "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)["error"]
    assert said["code"] == "usage"
    assert "error" not in said["message"], "the words of a library"
    assert result.stderr == ""


def test_a_setting_that_cannot_be_used_is_named(coppermind, monkeypatch):
    monkeypatch.setenv("COPPERMIND_PUBLIC_URL", "http://example.com")
    result = coppermind("minds", "list")
    assert result.exit_code == 2
    assert "COPPERMIND_PUBLIC_URL" in result.stderr


def test_an_alert_webhook_that_is_no_web_address_is_refused_unseen(coppermind, monkeypatch):
    monkeypatch.setenv("COPPERMIND_ALERT_WEBHOOK_URL", "hooks.example/secret-of-the-hook")
    result = coppermind("minds", "list")
    assert result.exit_code == 2
    assert "COPPERMIND_ALERT_WEBHOOK_URL" in result.stderr
    assert "secret-of-the-hook" not in result.stderr


def test_minds_are_created_listed_switched_and_updated(coppermind):
    coppermind("minds", "create", "Acme Corp", "--domain", "acme.com", "--domain", "acme.de")
    coppermind("minds", "create", "Beta [draft]", "--kind", "prospect")
    assert json.loads(coppermind("minds", "switch", "beta [draft]", "--json").stdout)["active"] is True
    coppermind("minds", "update", "Beta [draft]", "--name", "Beta", "--kind", "client", "--domain", "beta.io")
    assert [line.rstrip() for line in coppermind("minds", "list").stdout.splitlines()] == [
        "   Mind       Kind    Domains",
        "   Acme Corp  client  acme.com, acme.de",
        "*  Beta       client  beta.io",
    ]


def test_names_are_shown_as_they_are_written(coppermind):
    assert "Beta [bold]draft[/bold]" in coppermind("minds", "create", "Beta [bold]draft[/bold]").stdout
    assert "Beta [bold]draft[/bold]" in coppermind("minds", "list").stdout


def test_each_customer_has_minds_of_its_own(coppermind):
    coppermind("customers", "create", "agency")
    coppermind("minds", "create", "Acme", "--customer", "agency")
    assert "There is no mind yet" in coppermind("minds", "list").stdout
    assert "Acme" in coppermind("minds", "list", "--customer", "agency").stdout
    customers = json.loads(coppermind("customers", "list", "--json").stdout)["customers"]
    assert [customer["name"] for customer in customers] == ["agency", "local"]


def test_the_database_address_opens_as_reader_or_bound_to_a_mind(coppermind):
    coppermind("minds", "create", "Acme")
    coppermind("minds", "create", "Beta")
    for options, visible in (((), 2), (("--mind", "Acme"), 1)):
        with psycopg.connect(coppermind("db", "url", *options).stdout.strip()) as connection:
            assert connection.execute("SELECT count(*) FROM minds").fetchone() == (visible,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    "SELECT access_token FROM connector_credentials" if not options else "DROP TABLE minds"
                )


def test_the_database_upgrades_on_request(coppermind):
    assert coppermind("db", "upgrade").exit_code == 0


def test_another_servers_database_is_not_ours_to_start_or_stop(coppermind):
    for action in ("start", "stop"):
        result = coppermind("db", action)
        assert result.exit_code == 2
        assert "COPPERMIND_DATABASE_URL" in result.stderr


def _worked_s() -> float:
    """Return the processor time of all child processes that have ended: a busy machine takes no more of it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_installed_command_runs(installation_home: Path):
    command = Path(sys.executable).with_name("coppermind")
    worked = _worked_s()
    result = subprocess.run([command, "--help"], check=True, capture_output=True, text=True)
    assert "connectors" in result.stdout
    assert _worked_s() - worked < 5
    created = subprocess.run([command, "minds", "create", "Acme", "--json"], check=True, capture_output=True, text=True)
    assert json.loads(created.stdout)["name"] == "Acme"
    said = subprocess.run([command, "--version"], check=True, capture_output=True, text=True)
    assert said.stdout == f"coppermind {version('coppermind-pipeline')}\n"


def test_an_answer_is_written_whatever_its_reader_takes(installation_home: Path):
    command = Path(sys.executable).with_name("coppermind")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    create, listing = [command, "minds", "create", "Zoë", "--json"], [command, "minds", "list"]

    created = subprocess.run(create, check=True, capture_output=True, env=ascii_only)
    assert json.loads(created.stdout.decode())["name"] == "Zoë"
    ours, terminal = os.openpty()
    subprocess.run(listing, check=True, stdout=terminal, env=ascii_only)
    assert b"Zo?" in os.read(ours, 10_000)
    with Path("/dev/full").open("w") as full:
        refused = subprocess.run([*listing, "--json"], check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        1,
        "Error: A disk is full: No space left on device.",
    )
    assert subprocess.run(f"{command} minds switch nobody 2>&-", check=False, shell=True).returncode == 2


def test_a_message_that_names_a_call_of_a_tool_names_the_command_in_a_shell():
    said = "".join(path.read_text() for path in sorted(Path(coppermind_pipeline.__file__).parent.rglob("*.py")))
    calls = re.findall(r"`(?:connectors|minds|memory) action=\w+[^`\n]*`", said)
    assert len(calls) > 10
    for call in calls:
        command = in_commands(call).strip("`").split()
        assert " ".join(command[1:3]) in COMMANDS, call


def test_the_shell_completes_minds_periods_and_groups(coppermind, monkeypatch):
    def offered(*words: str) -> list[str]:
        line = " ".join(("coppermind", *words))
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv("_COPPERMIND_COMPLETE", "complete_bash")
        found = coppermind().stdout.split()
        monkeypatch.delenv("_COPPERMIND_COMPLETE")
        return found

    for name in ("Acme", "Globex"):
        coppermind("minds", "create", name)
    assert offered("memory", "report", "--mind", "A") == ["Acme"]
    assert offered("minds", "switch", "G") == ["Globex"]
    assert offered("memory", "report", "--period", "last_fiscal") == ["last_fiscal_quarter", "last_fiscal_year"]
    assert offered("memory", "report", "--group-by", "so") == ["source"]
    assert offered("memory", "leads", "--group-by", "life") == ["lifecycle_stage"]
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", "postgresql://localhost:1/none")
    assert offered("memory", "report", "--mind", "A") == []


def test_an_error_says_it_in_commands(installation_home: Path):
    command = Path(sys.executable).with_name("coppermind")
    subprocess.run([command, "minds", "create", "Acme"], check=True, capture_output=True)
    failed = subprocess.run([command, "memory", "report", "--mind", "Acme", "--connector", "nope"], check=False,
                            capture_output=True, text=True)  # fmt: skip
    assert failed.returncode == 2
    assert "`coppermind connectors status` lists the connectors" in failed.stderr


def test_all_browsers_of_a_customer_are_signed_out_by_a_command(coppermind, database):
    token = SecretStr(token_of(json.loads(coppermind("web", "--sign-in-link", "--json").stdout)["sign_in"]))
    secret = begin_session(database, token)
    assert secret is not None
    assert coppermind("web", "--end-sessions").stdout.strip() == "1 session ended."
    assert find_session(database, secret) is None
    assert coppermind("web", "--end-sessions", "--customer", "Nobody").exit_code == 2


@pytest.mark.slow
def test_what_a_serving_command_says_comes_while_it_serves_and_ctrl_c_ends_it(installation_home):
    environment = os.environ | {"COPPERMIND_PUBLIC_URL": f"http://localhost:{free_port(0)}"}
    command = [Path(sys.executable).with_name("coppermind"), "web", "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        assert said["url"] == environment["COPPERMIND_PUBLIC_URL"]
        assert process.stderr.readline() == "Serving; Ctrl-C ends it.\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


def test_a_sandbox_that_can_t_load_its_files_says_so_in_a_sentence(coppermind, tmp_path):
    (tmp_path / "deals.csv").write_text("ID de registro,Nombre del negocio,Valor\n1,A,5\n")
    result = coppermind("sandbox", "serve", "--load", str(tmp_path), "--port", str(free_port(8490)))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: deals.csv, row 1: no column is the deal's dealname")
    assert "Traceback" not in result.stderr
    assert "COPPERMIND_HUBSPOT_API_URL" not in result.stderr  # it serves nothing


def test_a_sandbox_whose_port_is_taken_says_so_in_a_sentence(coppermind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = coppermind("sandbox", "serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "can't serve on port" in result.stderr
    assert "Traceback" not in result.stderr
