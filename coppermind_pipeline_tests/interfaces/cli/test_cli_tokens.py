"""`coppermind tokens`: made, listed and revoked on the command line."""

import json

import pytest
from sqlalchemy import text

from coppermind_pipeline.store import Database


def test_a_token_is_printed_alone_so_that_it_can_be_piped_on(coppermind, database: Database):
    coppermind("customers", "create", "Agency")
    result = coppermind("tokens", "create", "--customer", "Agency", "--name", "Claude Code")
    token = result.stdout.strip()
    assert token.startswith("coppermind_")
    assert "shown this once" in result.stderr
    listed = coppermind("tokens", "list").stdout
    assert token not in listed
    assert token[:19] in listed
    assert "Agency" in listed
    assert "Claude Code" in listed


def test_json_tells_the_same(coppermind):
    made = json.loads(coppermind("tokens", "create", "--json").stdout)
    listed = json.loads(coppermind("tokens", "list", "--json").stdout)["tokens"]
    assert [made] == [{"token": made["token"], **each} for each in listed]
    revoked = json.loads(coppermind("tokens", "revoke", made["prefix"], "--json").stdout)
    assert revoked["revoked_at"] is not None


def test_a_revoked_token_stays_in_the_list(coppermind, database: Database):
    assert "no token yet" in coppermind("tokens", "list").stdout
    token = coppermind("tokens", "create").stdout.strip()
    assert "is revoked" in coppermind("tokens", "revoke", token).stdout
    assert token[:19] in coppermind("tokens", "list").stdout
    unknown = coppermind("tokens", "revoke", "coppermind_none")
    assert unknown.exit_code == 2
    assert "tokens list" in unknown.stderr


@pytest.mark.parametrize("name", ["[bold]", "[/]", "[link=https://x.example]here[/link]", ":bug:"])
def test_names_that_look_like_markup_are_printed_as_they_are(coppermind, name: str):
    assert name in coppermind("customers", "create", name).stdout
    assert name in coppermind("customers", "list").stdout
    coppermind("tokens", "create", "--customer", name, "--name", name)
    assert coppermind("tokens", "list").stdout.count(name) == 2
    assert name in coppermind("minds", "create", f"Mind {name}", "--customer", name).stdout
    assert name in coppermind("minds", "list", "--customer", name).stdout
    assert coppermind("tokens", "revoke", name).exit_code == 2


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_that_steers_a_terminal_is_printed(coppermind, database: Database, options: tuple[str, ...]):
    with database.owner() as connection:
        connection.execute(
            text("INSERT INTO customers (name) VALUES (:name)"), {"name": "A\x1b[2J\x9b1m\u202eg\u200b\x07"}
        )
    printed = coppermind("customers", "list", *options).stdout
    assert "A[2J1mg" in printed
    assert not set(printed) & set("\x1b\x9b\u202e\u200b\x07")
    assert "\\u001b" not in printed
