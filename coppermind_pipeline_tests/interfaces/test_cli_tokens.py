"""`coppermind tokens`: made, listed and revoked on the command line."""

import json

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
