"""A portal's access token: encrypted, bound to its connector, refreshed once for everybody."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import create_mind
from coppermind_pipeline.connectors import (
    Connector,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    NotConnected,
    StoredTokens,
    list_keys,
    load_connector,
    rotate_keys,
)
from coppermind_pipeline.connectors.oauth.keys import KeyRing, key_file
from coppermind_pipeline.hubspot import AuthorizationRevoked, GrantRejected, PortalUnavailable
from coppermind_pipeline.sandbox import Fault, RunningSandbox
from coppermind_pipeline_tests.connectors.people import HUB_IDS, Person

KEY_A, KEY_B = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="


@pytest.fixture
async def connector(person: Person) -> Connector:
    return load_connector(person.database, (await person.connect()).connector_id)


def _tokens(person: Person, connector: Connector) -> StoredTokens:
    return StoredTokens(person.database, person.settings, connector)


def _expire(person: Person, connector: Connector) -> None:
    with person.database.mind(connector.mind_id) as connection:
        connection.execute(
            text("UPDATE connector_credentials SET expires_at = now(), updated_at = now() - interval '30 minutes'")
        )


def _token_requests(sandbox: RunningSandbox) -> int:
    return sum(request.path.endswith("/token") for request in sandbox.control.requests(path="/token"))


async def test_a_fresh_token_is_used_as_it_is(person: Person, connector: Connector, sandbox: RunningSandbox):
    sandbox.control.clear_log()
    tokens = _tokens(person, connector)
    assert await tokens.current() == await tokens.current()
    assert _token_requests(sandbox) == 0


async def test_sixteen_tasks_at_expiry_cause_one_refresh(person: Person, connector: Connector, sandbox: RunningSandbox):
    _expire(person, connector)
    sandbox.control.clear_log()
    each_its_own = [_tokens(person, connector) for _ in range(16)]
    found = await asyncio.gather(*(tokens.current() for tokens in each_its_own))
    assert len({token.get_secret_value() for token in found}) == 1
    assert _token_requests(sandbox) == 1


async def _processes(
    person: Person, connector: Connector, database_url: str, *arguments: str
) -> tuple[int, list[bytes]]:
    """Let processes ask for the connector's token; return their common exit code and the digests that they print."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        Path(__file__).with_name("many_processes.py"),
        connector.id,
        *arguments,
        env={
            "COPPERMIND_HOME": str(person.settings.home),
            "COPPERMIND_DATABASE_URL": database_url,
            "COPPERMIND_HUBSPOT_CLIENT_ID": person.settings.hubspot_client_id,
            "COPPERMIND_HUBSPOT_CLIENT_SECRET": person.settings.hubspot_client_secret.get_secret_value(),
            "COPPERMIND_HUBSPOT_API_URL": person.settings.hubspot_api_url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [line for line in printed.splitlines() if line.startswith(b"token ")]


@pytest.mark.slow
async def test_sixteen_processes_at_expiry_cause_one_refresh(
    person: Person, connector: Connector, sandbox: RunningSandbox, database_url: str
):
    _expire(person, connector)
    sandbox.control.clear_log()
    sandbox.control.add_fault(Fault(path="/token", delay_ms=500))
    code, digests = await _processes(person, connector, database_url, "16")
    assert (code, len(digests), len(set(digests))) == (0, 16, 1)
    assert _token_requests(sandbox) == 1


async def test_a_process_killed_before_it_stored_a_new_token_strands_nobody(
    person: Person, connector: Connector, sandbox: RunningSandbox, database_url: str
):
    _expire(person, connector)
    sandbox.control.clear_log()
    code, _ = await _processes(person, connector, database_url, "1", "killed")
    assert (code, _token_requests(sandbox)) == (1, 1)
    assert await _tokens(person, connector).current()
    assert _token_requests(sandbox) == 2


async def test_a_rejected_token_is_replaced_once(person: Person, connector: Connector, sandbox: RunningSandbox):
    sandbox.control.clear_log()
    first, second = _tokens(person, connector), _tokens(person, connector)
    rejected = await first.current()
    assert await second.current() == rejected
    fresh = await first.refreshed(rejected)
    assert fresh != rejected
    assert await second.refreshed(rejected) == fresh
    assert _token_requests(sandbox) == 1


async def test_a_revoked_authorization_becomes_a_problem_and_is_not_offered_again(
    person: Person, connector: Connector, sandbox: RunningSandbox
):
    _expire(person, connector)
    sandbox.control.uninstall(hub_id=HUB_IDS[0])
    sandbox.control.clear_log()
    outcomes = await asyncio.gather(*(_tokens(person, connector).current() for _ in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AuthorizationRevoked}
    assert _token_requests(sandbox) == 1
    with person.database.mind(connector.mind_id) as connection:
        problem = connection.execute(text("SELECT kind, code, hint FROM connector_problems")).one()
        assert connection.scalar(text("SELECT last_error ->> 'code' FROM connectors")) == "authorization_revoked"
        assert connection.scalar(text("SELECT count(*) FROM connector_events WHERE severity = 'error'")) == 1
    assert problem[:2] == ("auth", "authorization_revoked")
    assert "connectors action=connect" in problem.hint
    await person.connect()
    assert await _tokens(person, connector).current()
    with person.database.mind(connector.mind_id) as connection:
        assert connection.scalar(text("SELECT count(*) FROM connector_problems")) == 0
        assert connection.scalar(text("SELECT last_error FROM connectors WHERE status = 'active'")) is None


async def test_a_passing_fault_leaves_the_authorization_as_it_was(
    person: Person, connector: Connector, sandbox: RunningSandbox
):
    _expire(person, connector)
    sandbox.control.add_fault(Fault(path="/token", status=503, headers={"Retry-After": "900"}, body={}, count=None))
    with pytest.raises(PortalUnavailable):
        await _tokens(person, connector).current()
    sandbox.control.clear_faults()
    assert await _tokens(person, connector).current()
    with person.database.mind(connector.mind_id) as connection:
        assert connection.scalar(text("SELECT count(*) FROM connector_problems")) == 0


async def test_a_token_of_another_portal_is_not_used(person: Person, connector: Connector, sandbox: RunningSandbox):
    _expire(person, connector)
    issued = {"access_token": "another", "refresh_token": "portals", "expires_in": 1800, "hub_id": HUB_IDS[1]}
    sandbox.control.add_fault(Fault(path="/token$", status=200, body=issued))
    with pytest.raises(GrantRejected, match=f"portal {HUB_IDS[1]}"):
        await _tokens(person, connector).current()
    with person.database.mind(connector.mind_id) as connection:
        assert connection.scalar(text("SELECT kind FROM connector_problems")) == "auth"
    # The authorization is as it was.
    assert (await _tokens(person, connector).current()).get_secret_value() != "another"


async def test_a_rotated_refresh_token_is_kept(person: Person, connector: Connector, sandbox: RunningSandbox):
    sandbox.control.set_switches(refresh_token_rotates=True)
    for _ in range(2):
        _expire(person, connector)
        assert await _tokens(person, connector).current()


async def test_a_disconnected_connector_has_no_token(person: Person, connector: Connector):
    with person.database.mind(connector.mind_id) as connection:
        connection.execute(text("DELETE FROM connector_credentials"))
    with pytest.raises(NotConnected):
        await _tokens(person, connector).current()


async def test_a_ciphertext_copied_to_another_connector_does_not_decrypt(person: Person, connector: Connector):
    create_mind(person.database, person.caller, "Globex")
    other = load_connector(person.database, (await person.connect(mind="Globex", hub_id=HUB_IDS[1])).connector_id)
    with person.database.owner() as connection:
        connection.execute(
            text(
                """UPDATE connector_credentials AS to_row
                      SET access_token = from_row.access_token, refresh_token = from_row.refresh_token
                     FROM connector_credentials AS from_row
                    WHERE from_row.connector_id = :from AND to_row.connector_id = :to"""
            ),
            {"from": connector.id, "to": other.id},
        )
    with pytest.raises(KeyMissing, match="belong to another connector"):
        await _tokens(person, other).current()
    assert await _tokens(person, connector).current()


async def test_keys_rotate_while_tokens_are_in_use(person: Person, connector: Connector, sandbox: RunningSandbox):
    before = await _tokens(person, connector).current()
    assert rotate_keys(person.database, person.settings) == 1
    newest, older = list_keys(person.database, person.settings)
    assert (newest.newest, newest.credentials, older.newest, older.credentials) == (True, 1, False, 0)
    assert await _tokens(person, connector).current() == before
    _expire(person, connector)
    assert await _tokens(person, connector).current() != before


async def test_a_configured_key_rotates_when_a_newer_one_is_put_before_it(person: Person, connector: Connector):
    def configured(keys: str) -> Person:
        settings = person.settings.model_copy(update={"encryption_keys": SecretStr(keys)})
        return Person(person.database, settings, person.caller)

    old, both, new = configured(KEY_A), configured(f"{KEY_B},{KEY_A}"), configured(KEY_B)
    with pytest.raises(KeyMissing, match="not at hand"):
        await _tokens(old, connector).current()
    with person.database.mind(connector.mind_id) as connection:
        assert connection.scalar(text("SELECT code FROM connector_problems")) == "encryption_key_missing"
    await old.connect()
    token = await _tokens(old, connector).current()
    assert rotate_keys(both.database, both.settings) == 1
    assert await _tokens(new, connector).current() == token
    with pytest.raises(KeyMissing):
        await _tokens(old, connector).current()
    assert [key.available for key in list_keys(old.database, old.settings)] == [True, False]


def test_the_key_file_is_readable_by_its_owner_alone(person: Person):
    path = key_file(person.settings)
    assert KeyRing.load(person.settings) == KeyRing.load(person.settings)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(KeyFileExposed, match="can be read by other users"):
        KeyRing.load(person.settings)


@pytest.mark.parametrize("keys", ["c2hvcnQ=", "not base64!", f"{KEY_A},c2hvcnQ="])
def test_an_unusable_key_is_refused_without_being_shown(person: Person, keys: str):
    settings = person.settings.model_copy(update={"encryption_keys": SecretStr(keys)})
    with pytest.raises(InvalidKeys) as refused:
        KeyRing.load(settings)
    assert "COPPERMIND_ENCRYPTION_KEYS" in refused.value.message
    assert not any(key in str(refused.value) for key in keys.split(","))
