"""`disconnect`: nothing is polled any more, and nothing that was read is lost."""

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller, create_customer, create_mind
from coppermind_pipeline.connectors import (
    ConnectorNotFound,
    DisconnectResponse,
    NotConnected,
    StoredTokens,
    active_connectors,
    disconnect,
    load_connector,
    open_portal,
)
from coppermind_pipeline.connectors.errors import ConnectorNotActive, OAuthStateWithdrawn
from coppermind_pipeline.connectors.oauth.keys import key_file
from coppermind_pipeline.sandbox import Fault, RunningSandbox
from coppermind_pipeline.store import InstallationPaused
from coppermind_pipeline_tests.connectors.people import HUB_IDS, Person, answer


async def _disconnect(person: Person, connector_id: str) -> DisconnectResponse:
    return await disconnect(person.database, person.settings, person.caller, connector_id)


def _credentials(person: Person) -> list[str]:
    with person.database.owner() as connection:
        return list(connection.scalars(text("SELECT connector_id FROM connector_credentials")))


async def test_it_revokes_erases_and_keeps_what_was_read(person: Person, sandbox: RunningSandbox):
    connector = load_connector(person.database, (await person.connect()).connector_id)
    with person.database.mind(connector.mind_id) as connection:
        connection.execute(
            text("""INSERT INTO memories (mind_id, connector_id, type, sensitivity, content, source_ref, search)
                    VALUES (:mind, :id, 'fact', 'open', 'text', 'ref', '')"""),
            {"mind": connector.mind_id, "id": connector.id},
        )
    tokens = StoredTokens(person.database, person.settings, connector)
    done = await _disconnect(person, connector.id)
    assert (done.status, done.credentials_erased, done.polling_stopped, done.token_revoked) == (
        "inactive",
        True,
        True,
        True,
    )
    assert done.memories_kept == 1
    assert (done.app_uninstalled, done.not_uninstalled_because) == (True, None)
    assert "the app is uninstalled from the portal; the token is revoked at HubSpot" in done.message
    assert "no longer under Settings → Integrations → Connected Apps" in done.next_step
    assert [request.status for request in sandbox.control.requests(path="/external-install")] == [204]
    assert [request.status for request in sandbox.control.requests(path="/revoke")] == [200]
    assert _credentials(person) == []
    assert active_connectors(person.database) == []
    with pytest.raises(NotConnected):
        await tokens.current()
    with pytest.raises(ConnectorNotActive):
        async with open_portal(person.database, person.settings, load_connector(person.database, connector.id)):
            pass


async def test_it_succeeds_without_hubspot_and_says_what_was_not_done(person: Person, sandbox: RunningSandbox):
    connector_id = (await person.connect()).connector_id
    sandbox.control.add_fault(Fault(path="/revoke|/external-install", action="drop", count=None))
    done = await _disconnect(person, connector_id)
    assert (done.credentials_erased, done.token_revoked) == (True, False)
    assert "HubSpot did not do it: it is out of reach" in (done.not_revoked_because or "")
    assert "HubSpot did not do it: it is out of reach" in (done.not_uninstalled_because or "")
    assert "is not revoked" in done.message
    assert "is not uninstalled" in done.message
    assert "A HubSpot admin can remove the app" in done.next_step
    assert _credentials(person) == []


@pytest.mark.parametrize("status", [403, 404])
async def test_where_hubspot_lets_no_app_remove_itself_the_token_is_revoked_all_the_same(
    person: Person, sandbox: RunningSandbox, status: int
):
    connector_id = (await person.connect()).connector_id
    sandbox.control.add_fault(Fault(path="/external-install", status=status, body={"message": "no"}, count=None))
    done = await _disconnect(person, connector_id)
    assert (done.app_uninstalled, done.token_revoked) == (False, True)
    assert str(status) in (done.not_uninstalled_because or "")


async def test_an_expired_token_is_renewed_to_uninstall(person: Person, sandbox: RunningSandbox):
    connector = load_connector(person.database, (await person.connect()).connector_id)
    with person.database.mind(connector.mind_id) as connection:
        connection.execute(text("UPDATE connector_credentials SET expires_at = now() - interval '1 day'"))
    sandbox.control.set_switches(refresh_token_rotates=True)
    done = await _disconnect(person, connector.id)
    assert (done.app_uninstalled, done.token_revoked) == (True, True)


async def test_a_paused_copy_does_not_revoke_the_token_of_the_original(person: Person, sandbox: RunningSandbox):
    connector_id = (await person.connect()).connector_id
    with person.database.owner() as connection:
        connection.execute(text("UPDATE installation SET paused_since = now()"))
    with pytest.raises(InstallationPaused):
        async with open_portal(person.database, person.settings, load_connector(person.database, connector_id)):
            pass
    done = await _disconnect(person, connector_id)
    assert "the installation is paused" in (done.not_revoked_because or "")
    assert sandbox.control.requests(path="/revoke") == sandbox.control.requests(path="/external-install") == []
    assert not done.app_uninstalled
    assert _credentials(person) == []


async def test_a_token_that_another_connector_of_the_portal_may_share_is_left_alone(
    person: Person, sandbox: RunningSandbox
):
    create_mind(person.database, person.caller, "Globex")
    first, second = await person.connect(), await person.connect(mind="Globex")
    done = await _disconnect(person, first.connector_id)
    assert not done.token_revoked
    assert second.connector_id in (done.not_revoked_because or "")
    assert sandbox.control.requests(path="/revoke") == sandbox.control.requests(path="/external-install") == []
    assert not done.app_uninstalled
    async with open_portal(
        person.database, person.settings, load_connector(person.database, second.connector_id)
    ) as client:
        assert (await client.account()).portal_id == HUB_IDS[0]
    assert (await _disconnect(person, second.connector_id)).token_revoked


async def test_a_pending_connector_is_withdrawn_with_its_link(person: Person):
    asked = person.ask()
    redirect = answer(asked.auth_url)
    done = await _disconnect(person, asked.connector_id)
    assert (done.credentials_erased, done.polling_stopped, done.token_revoked) == (False, False, False)
    with pytest.raises(OAuthStateWithdrawn):
        await person.complete(redirect)
    assert person.ask().connector_id != asked.connector_id


async def test_twice_is_once(person: Person):
    connector_id = (await person.connect()).connector_id
    await _disconnect(person, connector_id)
    again = await _disconnect(person, connector_id)
    assert (again.status, again.credentials_erased, again.polling_stopped) == ("inactive", False, False)
    with person.database.reader() as connection:
        assert connection.scalar(text("SELECT count(*) FROM connector_events WHERE code = 'disconnected'")) == 1


async def test_credentials_that_no_key_opens_are_erased_all_the_same(person: Person):
    connector_id = (await person.connect()).connector_id
    key_file(person.settings).unlink()
    done = await _disconnect(person, connector_id)
    assert (done.credentials_erased, done.token_revoked) == (True, False)
    assert "could not be read" in (done.not_revoked_because or "")


async def test_only_its_own_customer_disconnects_a_connector(person: Person):
    connector_id = (await person.connect()).connector_id
    stranger = Person(person.database, person.settings, Caller(create_customer(person.database, "Agency").id))
    with pytest.raises(ConnectorNotFound):
        await _disconnect(stranger, connector_id)
    assert _credentials(person) == [connector_id]


async def test_a_disconnected_portal_can_be_connected_again(person: Person):
    first = await person.connect()
    await _disconnect(person, first.connector_id)
    again = await person.connect()
    assert again.connector_id == first.connector_id
    assert load_connector(person.database, first.connector_id).status == "active"
