from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coppermind_pipeline.sandbox import AppSettings, Clock, RunningSandbox
from coppermind_pipeline_tests.sandbox.conftest import SCOPES

CALLBACK = "http://localhost:8480/oauth/hubspot/callback"
OPTIONAL = "crm.objects.deals.write"


class App:
    """The app's side of the flow."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=sandbox.url)

    def ask(self, decision: str | None = "approve", path: str = "/oauth/authorize", **changes: Any) -> httpx.Response:
        asked = {
            "client_id": self.sandbox.client_id,
            "redirect_uri": CALLBACK,
            "scope": " ".join(SCOPES),
            "state": "s t&te",
        }
        asked |= {"decision": decision} if decision else {}
        return self.http.get(path, params={k: v for k, v in (asked | changes).items() if v is not None})

    def code(self, **changes: Any) -> str:
        return httpx.URL(self.ask(**changes).headers["location"]).params["code"]

    def token(self, path: str = "/oauth/2026-09/token", **form: str) -> httpx.Response:
        client = {"client_id": self.sandbox.client_id, "client_secret": self.sandbox.client_secret}
        return self.http.post(path, data=client | form)

    def exchange(self, code: str, /, **form: str) -> httpx.Response:
        return self.token(**({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK} | form))

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def call(self, access_token: str) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {access_token}"}
        return self.http.get("/account-info/2026-09/details", headers=bearer)


@pytest.fixture
def app(start) -> Iterator[App]:
    app = App(start(portals=2, contacts=5, companies=2, deals=2))
    with app.http:
        yield app


@pytest.fixture
def strict_app(start) -> Iterator[App]:
    settings = AppSettings(redirect_uris=(CALLBACK,), optional_scopes=(OPTIONAL,))
    app = App(start(portals=2, contacts=5, companies=2, deals=2, app=settings))
    with app.http:
        yield app


def test_the_page_offers_approval_and_refusal_and_lists_the_scopes(app: App):
    page = app.ask(decision=None)
    assert page.status_code == 200
    for expected in ('value="approve"', 'value="deny"', *SCOPES):
        assert expected in page.text
    assert "<script" not in app.ask(decision=None, state="<script>").text


def test_approving_by_form_redirects_with_code_and_state(app: App):
    form = {
        "client_id": "sandbox-client",
        "redirect_uri": CALLBACK,
        "scope": " ".join(SCOPES),
        "state": "x",
        "decision": "approve",
    }
    answer = app.http.post("/oauth/authorize", data=form)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    assert httpx.URL(answer.headers["location"]).params["state"] == "x"


def test_a_code_becomes_tokens_that_say_portal_and_scopes(app: App):
    answer = app.exchange(app.code()).json()
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 1800
    assert set(answer["scopes"]) == set(SCOPES)
    assert len(answer["access_token"]) > 300
    assert app.call(answer["access_token"]).json()["portalId"] == answer["hub_id"]


def test_the_person_chooses_the_portal(app: App):
    first, second = (portal["hub_id"] for portal in app.sandbox.control.portals())
    assert app.exchange(app.code()).json()["hub_id"] == first
    assert app.exchange(app.code(hub_id=second)).json()["hub_id"] == second
    assert app.exchange(app.code(path=f"/oauth/{second}/authorize")).json()["hub_id"] == second


def test_a_code_works_once_and_briefly(start):
    app = App(start(clock=Clock(), contacts=1, companies=1, deals=1))
    code = app.code()
    assert app.exchange(code).status_code == 200
    assert app.exchange(code).json()["status"] == "BAD_AUTH_CODE"
    late = app.code()
    app.sandbox.control.advance_clock(61_000)
    assert app.exchange(late).json()["status"] == "BAD_AUTH_CODE"
    app.http.close()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"redirect_uri": "http://localhost:8480/other"}, "BAD_REDIRECT_URI"),
        ({"client_id": "someone"}, "BAD_CLIENT_ID"),
        ({"client_secret": "guess"}, "BAD_CLIENT_SECRET"),
        ({"code": "na1-unknown"}, "BAD_AUTH_CODE"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
    ],
)
def test_a_wrong_exchange_is_refused_in_hubspots_words(app: App, changes: dict[str, str], status: str):
    answer = app.exchange(app.code(), **changes)
    assert answer.status_code == 400
    assert answer.json()["status"] == status
    assert {"error", "error_description", "message"} <= set(answer.json())


def test_version_1_token_errors_have_status_and_message_alone(app: App):
    answer = app.token("/oauth/v1/token", grant_type="refresh_token", refresh_token="gone")
    assert answer.status_code == 400
    assert answer.json() == {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8480/cb", "http://example.com/cb", "localhost/cb", ""])
def test_redirects_go_to_https_or_to_http_localhost_only(app: App, uri: str):
    assert app.ask(redirect_uri=uri).status_code == 400


def test_a_registered_redirect_uri_must_match_exactly(start):
    app = App(start(app=AppSettings(redirect_uris=(CALLBACK,))))
    assert app.ask().status_code == 302
    assert app.ask(redirect_uri=CALLBACK + "/").status_code == 400
    app.http.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scope": " ".join(SCOPES[1:])}, "the provided scopes are insufficient"),
        ({"scope": " ".join(SCOPES[:-1])}, "the provided scopes are insufficient"),
        ({"scope": ""}, "the provided scopes are insufficient"),
        ({"scope": " ".join([*SCOPES, "crm.objects.quotes.read"])}, "a mismatch between the scopes in the install URL"),
        ({"scope": " ".join([*SCOPES, OPTIONAL])}, "a mismatch between the scopes in the install URL"),
        ({"redirect_uri": CALLBACK + "/"}, "the redirect URL"),
        ({"client_id": "someone"}, "no app has this client ID"),
        ({"hub_id": 1}, "have access to the account"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "code_challenge_method"),
    ],
)
def test_a_link_that_does_not_fit_the_app_ends_on_hubspots_page(strict_app: App, changes: dict[str, Any], words: str):
    for decision in ("approve", None):
        refused = strict_app.ask(decision, **changes)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "text/html; charset=utf-8")
        assert "location" not in refused.headers
        assert words in refused.text
    assert strict_app.ask().status_code == 302


def test_a_private_app_is_installed_in_its_listed_accounts_alone(strict_app: App):
    first, second = (portal["hub_id"] for portal in strict_app.sandbox.control.portals())
    strict_app.sandbox.control.set_app(allowed_accounts=[second])
    refused = strict_app.ask(hub_id=first)
    assert (refused.status_code, "location" in refused.headers) == (400, False)
    assert "be installed in this account" in refused.text
    assert strict_app.ask(hub_id=second).status_code == 302


def test_optional_scopes_are_granted_where_the_app_has_them_and_dropped_elsewhere(strict_app: App):
    code = strict_app.code(optional_scope=f"crm.everything {OPTIONAL}")
    assert set(strict_app.exchange(code).json()["scopes"]) == {*SCOPES, OPTIONAL}


def test_a_code_asked_for_with_a_challenge_needs_its_verifier(app: App):
    # The pair of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    for wrong in ({}, {"code_verifier": verifier[::-1]}):
        assert app.exchange(app.code(**challenge), **wrong).json()["status"] == "BAD_AUTH_CODE"
    assert app.exchange(app.code(**challenge), code_verifier=verifier).status_code == 200


def test_a_refusal_sends_nothing_unless_switched_so(app: App):
    silent = app.ask(decision="deny")
    assert silent.status_code == 200
    assert "location" not in silent.headers
    app.sandbox.control.set_switches(refusal_redirects=True)
    told = httpx.URL(app.ask(decision="deny").headers["location"])
    assert told.params["error"] == "access_denied"
    assert told.params["state"] == "s t&te"


def test_an_expired_token_is_told_apart_from_an_unknown_one(app: App):
    tokens = app.exchange(app.code()).json()
    app.sandbox.control.advance_clock(1_800_000)
    expired = app.call(tokens["access_token"])
    assert expired.status_code == 401
    assert expired.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert expired.json()["message"].endswith("expired 0 second(s) ago.")
    unknown = app.call("nothing")
    assert unknown.json()["category"] == "INVALID_AUTHENTICATION"
    fresh = app.refresh(tokens["refresh_token"]).json()
    assert fresh["refresh_token"] == tokens["refresh_token"]
    assert app.call(fresh["access_token"]).status_code == 200


def test_a_rotating_refresh_token_kills_its_predecessor(app: App):
    app.sandbox.control.set_switches(refresh_token_rotates=True)
    old = app.exchange(app.code()).json()["refresh_token"]
    new = app.refresh(old).json()["refresh_token"]
    assert new != old
    assert app.refresh(old).json()["status"] == "BAD_REFRESH_TOKEN"
    assert app.refresh(new).status_code == 200


@pytest.mark.parametrize("ends_access", [False, True])
def test_revocation_ends_the_refresh_token_and_perhaps_the_access(app: App, ends_access: bool):
    app.sandbox.control.set_switches(revoke_ends_access=ends_access)
    tokens = app.exchange(app.code()).json()
    app.token("/oauth/2026-09/token/revoke", token_type_hint="refresh_token", token=tokens["refresh_token"])
    assert app.refresh(tokens["refresh_token"]).json()["status"] == "BAD_REFRESH_TOKEN"
    assert app.call(tokens["access_token"]).status_code == (401 if ends_access else 200)


def test_uninstalling_ends_every_token_of_that_portal_alone(app: App):
    first, second = (portal["hub_id"] for portal in app.sandbox.control.portals())
    gone, stays = (app.exchange(app.code(hub_id=hub)).json() for hub in (first, second))
    bearer = {"Authorization": f"Bearer {gone['access_token']}"}
    assert app.http.delete("/appinstalls/2026-09/external-install", headers=bearer).status_code == 204
    assert app.call(gone["access_token"]).status_code == 401
    assert app.refresh(gone["refresh_token"]).status_code == 400
    assert app.call(stays["access_token"]).status_code == 200


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_introspection_describes_a_good_token_and_calls_others_inactive(app: App, field: str):
    tokens = app.exchange(app.code()).json()
    form = {"token_type_hint": "access_token", field: tokens["access_token"]}
    told = app.token("/oauth/2026-09/token/introspect", **form).json()
    assert told["active"]
    assert told["hub_id"] == tokens["hub_id"]
    assert 0 < told["expires_in"] <= 1800
    app.sandbox.control.advance_clock(1_900_000)
    assert app.token("/oauth/v3/token/introspect", **form).json() == {"active": False}


def test_the_version_1_token_description_is_served_too(app: App):
    tokens = app.exchange(app.code()).json()
    told = app.http.get(f"/oauth/v1/access-tokens/{tokens['access_token']}").json()
    assert told["hub_id"] == tokens["hub_id"]
    assert app.http.delete(f"/oauth/v1/refresh-tokens/{tokens['refresh_token']}").status_code == 204
    assert app.refresh(tokens["refresh_token"]).status_code == 400


def test_each_call_needs_its_scope(app: App):
    token = app.sandbox.control.issue_token(["crm.objects.deals.read"]).access_token
    bearer = {"Authorization": f"Bearer {token}"}

    def status(path: str) -> int:
        return app.http.get(path, headers=bearer).status_code

    assert status("/crm/objects/2026-09/deals") == 200
    assert status("/crm/objects/2026-09/contacts") == 403
    assert status("/crm/properties/2026-09/contacts") == 200
    assert status("/crm/owners/2026-09") == 403
    assert status("/crm-object-schemas/2026-09/schemas") == 403
    refused = app.http.post("/crm/objects/2026-09/deals", json={}, headers=bearer)
    assert refused.json()["category"] == "MISSING_SCOPES"
    assert refused.json()["context"]["requiredGranularScopes"] == ["crm.objects.deals.write"]
    app.sandbox.control.set_switches(missing_scopes_in_errors=True)
    refused = app.http.get("/crm/owners/2026-09", headers=bearer).json()
    assert refused["errors"][0]["context"]["requiredScopes"] == ["crm.objects.owners.read"]


def test_an_approval_may_withhold_scopes(app: App):
    app.sandbox.control.set_switches(withheld_scopes=["crm.objects.owners.read"])
    assert "crm.objects.owners.read" not in app.exchange(app.code()).json()["scopes"]


def test_every_code_and_token_is_in_the_log_of_secrets(app: App):
    code = app.code()
    tokens = app.exchange(code).json()
    assert {code, tokens["access_token"], tokens["refresh_token"]} <= set(app.sandbox.control.secrets())
