from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from pydantic import SecretStr

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.hubspot import (
    REFRESH_TOKEN,
    SCOPES,
    AuthorizationRevoked,
    GrantRejected,
    OAuthApp,
    PortalUnavailable,
    authorize_url,
    exchange_code,
    introspect,
    refresh,
    revoke,
)
from coppermind_pipeline_tests.hubspot.scripted_portal import DROPPED, Reply

CODE, CLIENT_SECRET, TOKEN = SecretStr("na1-the-code"), SecretStr("the-client-secret"), SecretStr("the-refresh-token")
REDIRECT_URI = "http://localhost:8480/oauth/hubspot/callback"
SEVEN_SCOPES = [
    "crm.objects.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
]
ISSUED = {
    "token_type": "bearer",
    "access_token": "the-access-token",
    "refresh_token": "the-refresh-token",
    "expires_in": 1800,
    "hub_id": 4242,
    "scopes": ["oauth", *SCOPES],
}


@pytest.fixture
def app(portal):
    return OAuthApp(portal.url, "the-client-id", CLIENT_SECRET)


def test_the_authorization_page_is_asked_for_the_seven_read_scopes_and_hubspots_basic_one():
    url = authorize_url(
        "https://app.hubspot.com/oauth/authorize?a=1", client_id="id", redirect_uri=REDIRECT_URI, state="s/1"
    )
    assert url.startswith("https://app.hubspot.com/oauth/authorize?a=1&")
    assert parse_qs(urlsplit(url).query) == {
        "a": ["1"],
        "client_id": ["id"],
        "redirect_uri": [REDIRECT_URI],
        "scope": [" ".join(["oauth", *SEVEN_SCOPES])],
        "state": ["s/1"],
    }
    # Each of HubSpot's own links spells a space so.
    assert "scope=oauth%20crm.objects.contacts.read%20" in url
    assert "+" not in url


async def test_a_code_verifier_goes_to_the_exchange_and_its_digest_into_the_link(app, portal):
    # The pair of RFC 7636, appendix B.
    verifier = SecretStr("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    url = authorize_url(
        "https://x.example", client_id="i", redirect_uri=REDIRECT_URI, state="s", code_verifier=verifier
    )
    query = parse_qs(urlsplit(url).query)
    assert query["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert query["code_challenge_method"] == ["S256"]
    portal.will(Reply(body=ISSUED))
    await exchange_code(app, CODE, redirect_uri=REDIRECT_URI, code_verifier=verifier)
    assert portal.requests[0].form["code_verifier"] == verifier.get_secret_value()


async def test_a_code_is_exchanged_for_a_grant(app, portal):
    portal.will(Reply(body=ISSUED))
    grant = await exchange_code(app, CODE, redirect_uri=REDIRECT_URI)
    [request] = portal.requests
    assert (request.method, request.path) == ("POST", "/oauth/2026-09/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.form == {
        "grant_type": "authorization_code",
        "client_id": "the-client-id",
        "client_secret": "the-client-secret",
        "redirect_uri": REDIRECT_URI,
        "code": "na1-the-code",
    }
    assert grant.access_token.get_secret_value() == "the-access-token"
    assert grant.refresh_token == TOKEN
    assert (grant.expires_in_s, grant.hub_id) == (1800, 4242)
    assert grant.scopes == {"oauth", *SCOPES}


@pytest.mark.parametrize("left_out", [("hub_id",), ("scopes",), ("hub_id", "scopes")])
async def test_what_the_exchange_does_not_say_is_asked_for(app, portal, left_out):
    known = {"active": True, "hub_id": 4242, "scopes": ["oauth", *SCOPES], "expires_in": 1790, "user": "a@example.com"}
    portal.will(Reply(body={k: v for k, v in ISSUED.items() if k not in left_out}), Reply(body=known))
    grant = await exchange_code(app, CODE, redirect_uri=REDIRECT_URI)
    assert (grant.hub_id, grant.scopes) == (4242, {"oauth", *SCOPES})
    assert portal.requests[1].path == "/oauth/2026-09/token/introspect"
    assert portal.requests[1].form == {
        "client_id": "the-client-id",
        "client_secret": "the-client-secret",
        "token_type_hint": "access_token",
        "token": "the-access-token",
        "access_token": "the-access-token",
    }


async def test_a_refresh_keeps_what_hubspot_does_not_repeat_apart(app, portal):
    portal.will(Reply(body={"access_token": "next", "expires_in": "1800", "scope": "oauth a"}))
    grant = await refresh(app, TOKEN)
    assert portal.requests[0].form == {
        "grant_type": "refresh_token",
        "client_id": "the-client-id",
        "client_secret": "the-client-secret",
        "refresh_token": "the-refresh-token",
    }
    assert (grant.refresh_token, grant.hub_id, grant.scopes) == (None, None, {"oauth", "a"})


async def test_a_token_is_introspected_and_revoked_under_both_names_of_its_field(app, portal):
    portal.will(Reply(body={"active": False}), Reply(204, b""))
    assert (await introspect(app, TOKEN, kind=REFRESH_TOKEN)).active is False
    await revoke(app, TOKEN)
    assert [r.path for r in portal.requests] == ["/oauth/2026-09/token/introspect", "/oauth/2026-09/token/revoke"]
    for request in portal.requests:
        assert request.form["token_type_hint"] == "refresh_token"
        assert request.form["token"] == request.form["refresh_token"] == "the-refresh-token"


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        ({"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"}, "BAD_AUTH_CODE", "approval code"),
        ({"error": "invalid_grant", "status": "BAD_AUTH_CODE"}, "BAD_AUTH_CODE", "approval code"),
        ({"error": "invalid_grant", "error_description": "no"}, "invalid_grant", "approval code"),
        ({"status": "BAD_REDIRECT_URI"}, "BAD_REDIRECT_URI", "redirect URI"),
        ({"status": "BAD_HUB", "message": "missing or deleted"}, "BAD_HUB", "account"),
        ({"status": "BAD_CLIENT_ID"}, "BAD_CLIENT_ID", "client id"),
        ({"error": "invalid_client", "status": "BAD_CLIENT_SECRET"}, "BAD_CLIENT_SECRET", "client secret"),
        ({"status": "error", "category": "SOMETHING_NEW", "message": "well"}, "SOMETHING_NEW", "well"),
        ("<html>", "400", "token endpoint"),
    ],
)
async def test_a_refused_code_says_why_and_is_not_tried_again(app, portal, body, reason, words):
    portal.will(Reply(400, body))
    with pytest.raises(GrantRejected, match=words) as rejected:
        await exchange_code(app, CODE, redirect_uri=REDIRECT_URI)
    assert isinstance(rejected.value, NeedsPerson)
    assert not isinstance(rejected.value, AuthorizationRevoked)
    assert rejected.value.reason == reason
    assert len(portal.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
        {"error": "invalid_grant", "error_description": "…", "status": "BAD_REFRESH_TOKEN", "message": "…"},
        {"error": "invalid_grant"},
    ],
)
async def test_a_dead_refresh_token_needs_a_new_authorization(app, portal, body):
    portal.will(Reply(400, body))
    with pytest.raises(AuthorizationRevoked) as revoked:
        await refresh(app, TOKEN)
    assert "connectors action=connect" in revoked.value.hint


async def test_the_quoted_refusal_of_a_refresh_token_leads_to_its_class(app, portal, recordings):
    quoted = orjson.loads((recordings / "errors/quoted-in-public-threads.json").read_bytes())
    [body] = [q["body"] for q in quoted if "body" in q and q["case"].startswith("refresh token")]
    portal.will(Reply(400, body))
    with pytest.raises(AuthorizationRevoked, match="missing or invalid refresh token"):
        await refresh(app, TOKEN)


async def test_a_passing_fault_of_the_token_endpoint_is_tried_again(app, portal):
    portal.will(Reply(503), DROPPED, Reply(body=ISSUED))
    assert (await refresh(app, TOKEN)).hub_id == 4242
    portal.will(*[Reply(503)] * 3)
    with pytest.raises(PortalUnavailable) as unavailable:
        await refresh(app, TOKEN)
    assert unavailable.value.retries_spent


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refresh_that_is_refused_without_a_reason_is_no_rejection(app, portal, status):
    """It is a page of a proxy before HubSpot, and no person's approval is missing."""
    portal.will(Reply(status, "<html>Access denied</html>"), Reply(body=ISSUED))
    assert (await refresh(app, TOKEN)).hub_id == 4242


async def test_no_secret_is_in_an_error_or_a_repr(app, portal):
    secrets = [CODE, CLIENT_SECRET, TOKEN]
    echo = {"status": "BAD_AUTH_CODE", "message": " ".join(s.get_secret_value() for s in secrets)}
    portal.will(Reply(400, echo), Reply(body=ISSUED), *[Reply(body=orjson.dumps(ISSUED)[:-1])] * 3)
    with pytest.raises(GrantRejected, match="redacted") as rejected:
        await exchange_code(app, CODE, redirect_uri=REDIRECT_URI)
    grant = await refresh(app, TOKEN)
    with pytest.raises(PortalUnavailable) as cut_off:
        await refresh(app, TOKEN)
    assert cut_off.value.__cause__ is None
    seen = repr((app, grant, rejected.value, rejected.value.body, cut_off.value))
    assert not [s for s in ("na1-the-code", "the-client-secret", "the-access-token") if s in seen]
