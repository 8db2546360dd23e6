"""From `connect` to an active connector, and every way in which that can fail."""

import asyncio
import html
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import Mind, create_mind
from coppermind_pipeline.connectors import active_connectors, load_connector, open_portal, rotate_keys, status
from coppermind_pipeline.connectors.errors import (
    ApprovalBroken,
    ApprovalDenied,
    ApprovalFailed,
    ApprovalIncomplete,
    MindNotConnectable,
    OAuthStateExpired,
    OAuthStateUnknown,
    OAuthStateUsed,
    OAuthStateWithdrawn,
    UnsupportedSource,
)
from coppermind_pipeline.hubspot import SCOPES, GrantRejected, PortalUnavailable, RequestRefused, ScopeMissing
from coppermind_pipeline.sandbox import Fault, RunningSandbox
from coppermind_pipeline.settings import SettingsError
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connectors.people import HUB_IDS, Person, answer


def _stored(database: Database, mind: Mind, connector_id: str) -> dict:
    with database.mind(mind.id) as connection:
        row = connection.execute(text("SELECT * FROM connectors WHERE id = :id"), {"id": connector_id}).one()
    return dict(row._mapping)


def test_connect_returns_the_link_to_the_portals_authorization_page(person: Person, acme: Mind):
    asked = person.ask()
    assert asked.connector_id.startswith("acme-hubspot-")
    assert (asked.status, asked.mind, asked.scopes) == ("pending_setup", "Acme", SCOPES)
    query = {name: values for name, (values,) in parse_qs(urlsplit(asked.auth_url).query).items()}
    assert query.keys() == {
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    }
    assert query["scope"].split() == ["oauth", *SCOPES]
    assert len(SCOPES) == 7
    assert query["redirect_uri"] == "http://localhost:8480/oauth/hubspot/callback"


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"required_scopes": ["oauth", *SCOPES, "tickets"]}, "the provided scopes are insufficient"),
        ({"required_scopes": ["oauth", *SCOPES[:-1]], "optional_scopes": SCOPES[-1:]}, "a mismatch between the scopes"),
        ({"redirect_uris": ["https://other.example/oauth/hubspot/callback"]}, "redirect URL doesn't match"),
        ({"allowed_accounts": [HUB_IDS[1]]}, "be installed in this account"),
        ({}, "no app has this client ID"),
    ],
)
def test_status_holds_the_sentence_of_each_page_on_which_hubspot_refuses_a_link(
    person: Person, sandbox: RunningSandbox, app: dict, words: str
):
    sandbox.control.set_app(**app)
    if not app:
        other = person.settings.model_copy(update={"hubspot_client_id": "another"})
        person = Person(person.database, other, person.caller)
    asked = person.ask()
    page = httpx.post(asked.auth_url, data={"decision": "approve", "hub_id": HUB_IDS[0]})
    said = html.unescape(page.text)
    assert (page.status_code, "location" in page.headers) == (400, False)
    assert words in said
    told = status(person.database, person.caller, now=datetime.now(UTC))
    assert [connector.status.value for connector in told.connectors] == ["pending_setup"]
    assert told.connectors[0].last_error is None
    [refusal] = [each for each in told.setup_help.refusals if words.lower() in each.text.lower()]
    assert refusal.meaning
    assert refusal.what_to_do
    if refusal.verbatim:
        assert refusal.text in said


def test_asked_again_while_pending_it_is_the_same_connector_with_a_fresh_link(person: Person):
    first, second = person.ask(), person.ask()
    assert first.connector_id == second.connector_id
    assert first.auth_url != second.auth_url


def test_only_clients_and_prospects_can_be_connected(person: Person):
    create_mind(person.database, person.caller, "Ourselves", kind="internal")
    create_mind(person.database, person.caller, "Globex", kind="prospect")
    assert person.ask(mind="Globex").mind == "Globex"
    with pytest.raises(MindNotConnectable, match="Ourselves is an internal mind"):
        person.ask(mind="Ourselves")
    with pytest.raises(UnsupportedSource):
        person.ask(source_type="salesforce")


def test_without_a_configured_app_nothing_is_created(person: Person):
    blank = person.settings.model_copy(update={"hubspot_client_id": ""})
    with pytest.raises(SettingsError, match="COPPERMIND_HUBSPOT_CLIENT_ID"):
        Person(person.database, blank, person.caller).ask()
    with person.database.scheduler() as connection:
        assert connection.scalar(text("SELECT count(*) FROM connectors")) == 0


async def test_an_approval_makes_the_connector_active_and_asks_for_its_first_sync(person: Person, acme: Mind):
    authorized = await person.connect()
    assert (authorized.hub_id, authorized.mind) == (HUB_IDS[0], "Acme")
    connector = load_connector(person.database, authorized.connector_id)
    assert (connector.status, connector.hub_id, connector.mind_id) == ("active", HUB_IDS[0], acme.id)
    assert connector.sync_requested_at is not None
    assert active_connectors(person.database) == [connector]
    with person.database.mind(acme.id) as connection:
        portal = connection.execute(text("SELECT time_zone, company_currency, ui_domain FROM hubspot_portals")).one()
    assert portal == ("US/Eastern", "USD", "app.hubspot.com")


async def test_the_connected_portal_can_be_read(person: Person):
    authorized = await person.connect()
    connector = load_connector(person.database, authorized.connector_id)
    requests = []
    async with open_portal(person.database, person.settings, connector, on_request=requests.append) as client:
        assert (await client.account()).portal_id == HUB_IDS[0]
    assert [request.path for request in requests] == ["/account-info/2026-09/details"]


async def test_a_mind_may_hold_several_portals_and_a_portal_several_minds(person: Person):
    create_mind(person.database, person.caller, "Globex")
    connected = [
        await person.connect(hub_id=HUB_IDS[0]),
        await person.connect(hub_id=HUB_IDS[1]),
        await person.connect(mind="Globex", hub_id=HUB_IDS[0]),
    ]
    assert len({each.connector_id for each in connected}) == 3
    assert len(active_connectors(person.database)) == 3


async def test_a_callback_is_worth_something_once(person: Person):
    redirect = answer(person.ask().auth_url)
    outcomes = await asyncio.gather(*(person.complete(redirect) for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Authorized", *["OAuthStateUsed"] * 4]


async def test_a_forged_state_reaches_nothing(person: Person):
    redirect = answer(person.ask().auth_url)
    with pytest.raises(OAuthStateUnknown):
        await person.complete(redirect | {"state": "forged"})
    assert (await person.complete(redirect)).hub_id == HUB_IDS[0]


async def test_an_expired_link_is_refused(person: Person, acme: Mind):
    redirect = answer(person.ask().auth_url)
    with person.database.mind(acme.id) as connection:
        connection.execute(text("UPDATE oauth_states SET expires_at = now() - interval '1 second'"))
    with pytest.raises(OAuthStateExpired, match="after 24 hours"):
        await person.complete(redirect)


async def test_another_link_of_a_connected_connector_is_worth_nothing(person: Person):
    other = answer(person.ask().auth_url, hub_id=HUB_IDS[1])
    await person.connect()
    with pytest.raises(OAuthStateWithdrawn, match="by another link meanwhile; this one was not used"):
        await person.complete(other)


async def test_a_used_link_says_what_its_approval_led_to(person: Person):
    redirect = answer(person.ask().auth_url)
    with pytest.raises(GrantRejected) as rejected:
        await person.complete(redirect | {"code": "made-up"})
    with pytest.raises(OAuthStateUsed, match="did not lead to a connection") as used:
        await person.complete(redirect)
    assert rejected.value.message in used.value.message


async def test_an_approval_serves_the_link_that_it_was_asked_with_alone(person: Person):
    # A code that somebody slips into another person's way back: HubSpot misses the verifier of the link it is for.
    stolen, own = answer(person.ask().auth_url), answer(person.ask().auth_url)
    with pytest.raises(GrantRejected, match="code_verifier"):
        await person.complete({"state": own["state"], "code": stolen["code"]})


async def test_a_link_outlives_a_rotation_of_keys(person: Person):
    redirect = answer(person.ask().auth_url)
    rotate_keys(person.database, person.settings)
    assert (await person.complete(redirect)).hub_id == HUB_IDS[0]


async def test_an_approval_of_a_known_portal_goes_to_the_connector_that_has_it(person: Person, acme: Mind):
    first = await person.connect()
    with person.database.mind(acme.id) as connection:
        connection.execute(text("UPDATE connectors SET status = 'inactive', disconnected_at = now()"))
        connection.execute(text("DELETE FROM connector_credentials"))
    pending = person.ask()
    second = await person.complete(answer(pending.auth_url))
    assert second.connector_id == first.connector_id
    assert _stored(person.database, acme, first.connector_id)["status"] == "active"
    replaced = _stored(person.database, acme, pending.connector_id)
    assert (replaced["status"], replaced["replaced_by"]) == ("inactive", first.connector_id)
    with pytest.raises(OAuthStateUsed):  # as where the page of a success is loaded again
        await person.complete(answer(pending.auth_url))
    connector = load_connector(person.database, first.connector_id)
    async with open_portal(person.database, person.settings, connector) as client:
        assert (await client.account()).portal_id == HUB_IDS[0]


@pytest.mark.parametrize(
    ("redirect", "kind", "message"),
    [
        (
            {"error": "access_denied", "error_description": "Not<script> allowed."},
            ApprovalDenied,
            r"HubSpot: Not script allowed\.$",
        ),
        ({"error": "server_error"}, ApprovalFailed, r"did not approve \(server_error\)\.$"),
        ({}, ApprovalIncomplete, "without an approval code"),
        ({"code": "made-up"}, GrantRejected, "BAD_AUTH_CODE"),
    ],
)
async def test_what_fails_leaves_a_pending_connector_that_says_why(
    person: Person, acme: Mind, redirect: dict, kind: type, message: str
):
    asked = person.ask()
    state = answer(asked.auth_url)["state"]
    with pytest.raises(kind, match=message) as raised:
        await person.complete({"state": state} | redirect)
    stored = _stored(person.database, acme, asked.connector_id)
    assert stored["status"] == "pending_setup"
    assert stored["last_error"]["code"] == stored["setup_error"]["code"] == raised.value.code
    assert stored["last_error"]["message"] == raised.value.message
    assert stored["last_error"]["hint"]
    assert "made-up" not in str(stored)
    assert person.ask().connector_id == asked.connector_id
    assert (await person.connect()).connector_id == asked.connector_id
    healed = _stored(person.database, acme, asked.connector_id)
    assert (healed["last_error"], healed["setup_error"]) == (None, None)


async def test_a_missing_scope_is_named_and_an_active_connector_of_the_portal_stays(
    person: Person, acme: Mind, sandbox: RunningSandbox
):
    active = await person.connect()
    sandbox.control.set_switches(withheld_scopes=["crm.schemas.deals.read"])
    asked = person.ask()
    with pytest.raises(ScopeMissing, match=r"missing: crm\.schemas\.deals\.read"):
        await person.complete(answer(asked.auth_url))
    assert _stored(person.database, acme, asked.connector_id)["setup_error"]["code"] == "scope_missing"
    stays = _stored(person.database, acme, active.connector_id)
    assert (stays["status"], stays["last_error"]["code"], stays["setup_error"]) == ("active", "scope_missing", None)


ANSWER = {
    "access_token": "access",
    "refresh_token": "refresh",
    "expires_in": 1800,
    "hub_id": HUB_IDS[0],
    "scopes": ["oauth", *SCOPES],
}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[" * 100_000 + "]" * 100_000, "no JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "no JSON"),
        ("<html><h1>Just a moment</h1></html>", "no JSON"),
        ("", "no JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        (json.dumps(ANSWER | {"expires_in": math.inf}), "expires_in is not usable"),
        (json.dumps(ANSWER | {"expires_in": math.nan}), "expires_in is not usable"),
        (ANSWER | {"expires_in": -1}, "expires_in is not usable"),
        (ANSWER | {"expires_in": 0}, "expires_in is not usable"),
        (json.dumps(ANSWER | {"expires_in": 10**400}), "expires_in is not usable"),
        (ANSWER | {"expires_in": True}, "expires_in is not usable"),
        (ANSWER | {"expires_in": "soon"}, "expires_in is not usable"),
        ({k: v for k, v in ANSWER.items() if k != "expires_in"}, "expires_in is missing"),
        *[
            (json.dumps(ANSWER | {"hub_id": hub_id}), "hub_id is not usable")
            for hub_id in (0, -1, 1.5, True, "x", [1], 2**63, math.inf)
        ],
        *[
            (ANSWER | {field: token}, f"{field} is not usable")
            for field in ("access_token", "refresh_token")
            for token in ("a\x00b", "a\r\nX-Evil: 1", "a\x1b[2J", "a\u202eb", ["a"], 7, {"a": 1}, "x" * 20_000)
        ],
        (ANSWER | {"access_token": ""}, "access_token is not usable"),
        (ANSWER | {"scopes": [1]}, "scopes is not usable"),
        (ANSWER | {"scopes": ["a\x00b"]}, "scopes is not usable"),
        (ANSWER | {"scopes": {"a": [["b"]]}}, "scopes is not usable"),
        (ANSWER | {"scopes": 7}, "scopes is not usable"),
    ],
)
async def test_a_malformed_token_answer_is_a_setup_error_that_the_used_link_repeats(
    person: Person, acme: Mind, sandbox: RunningSandbox, body: object, words: str
):
    asked = person.ask()
    redirect = answer(asked.auth_url)
    sandbox.control.add_fault(Fault(path="/token$", status=200, body=body))
    with pytest.raises((GrantRejected, ScopeMissing), match=words):
        await person.complete(redirect)
    stored = _stored(person.database, acme, asked.connector_id)
    assert stored["status"] == "pending_setup"
    assert words in stored["setup_error"]["message"]
    assert stored["last_error"]["message"] == stored["setup_error"]["message"]
    assert stored["setup_error"]["hint"]
    with pytest.raises(OAuthStateUsed, match=words):
        await person.complete(redirect)


async def test_what_hubspot_says_is_stored_without_what_no_database_takes(
    person: Person, acme: Mind, sandbox: RunningSandbox
):
    for status_code, kind in ((400, GrantRejected), (404, RequestRefused)):
        asked = person.ask()
        redirect = answer(asked.auth_url)
        told = {"status": "a\x00b", "message": "no\x00thing \x1b[2J" + "x" * 10_000, "correlationId": "\x00"}
        sandbox.control.add_fault(Fault(path="/token$", status=status_code, body=told))
        with pytest.raises(kind):
            await person.complete(redirect)
        said = _stored(person.database, acme, asked.connector_id)["setup_error"]["message"]
        assert "no thing [2J" in said
        assert len(said) < 1_000


async def test_what_nobody_foresaw_is_a_setup_error_too(person: Person, acme: Mind):
    asked = person.ask()
    redirect = answer(asked.auth_url)
    # The disk of the key file's directory is gone, say.
    broken = person.settings.model_copy(update={"home": Path("/dev/null/nowhere")})
    with pytest.raises(ApprovalBroken, match="none of HubSpot's"):
        await Person(person.database, broken, person.caller).complete(redirect)
    assert _stored(person.database, acme, asked.connector_id)["setup_error"]["code"] == "unexpected"


@pytest.mark.slow
async def test_an_unreachable_token_endpoint_is_a_setup_error(person: Person, acme: Mind, sandbox: RunningSandbox):
    asked = person.ask()
    redirect = answer(asked.auth_url)
    sandbox.control.add_fault(Fault(path="/token", action="drop", count=None))
    with pytest.raises(PortalUnavailable):
        await person.complete(redirect)
    assert _stored(person.database, acme, asked.connector_id)["setup_error"]["code"] == "portal_unavailable"


async def test_unreadable_account_details_do_not_stop_a_connection(person: Person, acme: Mind, sandbox: RunningSandbox):
    sandbox.control.add_fault(Fault(path="/account-info", status=500, body="{}", count=None))
    authorized = await person.connect()
    assert _stored(person.database, acme, authorized.connector_id)["status"] == "active"
    with person.database.mind(acme.id) as connection:
        assert connection.scalar(text("SELECT time_zone FROM hubspot_portals")) is None
        assert connection.scalar(text("SELECT count(*) FROM connector_events WHERE code = 'account_unreadable'")) == 1


async def test_nothing_stored_holds_a_secret_in_plain_text(
    person: Person, acme: Mind, sandbox: RunningSandbox, capfd: pytest.CaptureFixture
):
    redirect = answer(person.ask().auth_url)
    with pytest.raises(GrantRejected):
        await person.complete(redirect | {"code": "xx" + redirect["code"]})
    second = answer(person.ask().auth_url)
    await person.complete(second)
    with person.database.owner() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'coppermind'")).all()
        dump = "".join(
            str(connection.execute(text(f"SELECT coalesce(json_agg(t)::text, '') FROM {table} t")).scalar_one())
            for table in tables
        )
        raw = b"".join(
            part
            for row in connection.execute(text("SELECT access_token, refresh_token FROM connector_credentials"))
            for part in row
        )
    secrets = [*sandbox.control.secrets(), redirect["state"], second["state"], sandbox.client_secret]
    assert len(secrets) >= 6
    printed = "".join(capfd.readouterr())
    for secret in secrets:
        assert secret not in dump
        assert secret.encode() not in raw
        assert secret not in printed
