"""The client and the simulated portal, which were written apart, understand each other."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from coppermind_pipeline.hubspot import (
    MODIFIED_PROPERTY,
    SCOPES,
    AuthorizationRevoked,
    Filter,
    GrantRejected,
    HubSpotClient,
    OAuthApp,
    Operator,
    RequestRefused,
    TokenRejected,
    authorize_url,
    exchange_code,
    introspect,
    refresh,
    revoke,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline_tests.hubspot.conftest import CountedBudgets, Tokens

REDIRECT_URI = "http://localhost:8480/oauth/hubspot/callback"
CONTACTS, COMPANIES, DEALS = ObjectType


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=450, companies=60, deals=120, limits=False)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def app(sandbox) -> OAuthApp:
    return OAuthApp(sandbox.url, sandbox.client_id, SecretStr(sandbox.client_secret))


def approved_code(sandbox: RunningSandbox) -> SecretStr:
    url = authorize_url(
        sandbox.authorize_url, client_id=sandbox.client_id, redirect_uri=REDIRECT_URI, state="the-state"
    )
    redirect = urlsplit(
        httpx.get(url, params={**parse_qs(urlsplit(url).query), "decision": "approve"}).headers["location"]
    )
    answer = parse_qs(redirect.query)
    assert answer["state"] == ["the-state"]
    return SecretStr(answer["code"][0])


@pytest.fixture
async def live(sandbox, app, budgets, sent) -> AsyncIterator[HubSpotClient]:
    grant = await exchange_code(app, approved_code(sandbox), redirect_uri=REDIRECT_URI)
    tokens = Tokens(grant.access_token.get_secret_value())
    async with HubSpotClient(sandbox.url, tokens, budgets, on_request=sent.append) as client:
        yield client


async def ids_by_list(client, object_type, **options):
    found, after = [], None
    while True:
        page = await client.list_page(object_type, after=after, **options)
        found += [record.id for record in page.records]
        if (after := page.after) is None:
            return found


async def test_a_grant_lives_from_approval_to_revocation(sandbox, app):
    code = approved_code(sandbox)
    grant = await exchange_code(app, code, redirect_uri=REDIRECT_URI)
    assert grant.refresh_token is not None
    assert grant.scopes == {"oauth", *SCOPES}
    known = await introspect(app, grant.access_token)
    assert (known.active, known.hub_id) == (True, grant.hub_id)
    renewed = await refresh(app, grant.refresh_token)
    assert renewed.access_token != grant.access_token
    with pytest.raises(GrantRejected) as used:
        await exchange_code(app, code, redirect_uri=REDIRECT_URI)
    assert used.value.reason == "BAD_AUTH_CODE"
    await revoke(app, grant.refresh_token)
    with pytest.raises(AuthorizationRevoked):
        await refresh(app, grant.refresh_token)


async def test_a_wrong_client_secret_is_told_from_a_dead_authorization(sandbox, app):
    grant = await exchange_code(app, approved_code(sandbox), redirect_uri=REDIRECT_URI)
    assert grant.refresh_token is not None
    with pytest.raises(GrantRejected) as rejected:
        await refresh(OAuthApp(app.api_url, app.client_id, SecretStr("not-the-secret")), grant.refresh_token)
    assert not isinstance(rejected.value, AuthorizationRevoked)


async def test_a_made_up_token_is_rejected(sandbox):
    async with HubSpotClient(sandbox.url, Tokens("made-up", "made-up-too"), CountedBudgets()) as client:
        with pytest.raises(TokenRejected):
            await client.account()


async def test_a_walk_by_id_finds_the_records_that_the_list_holds(live):
    last_id, found = 0, []
    since = datetime(2000, 1, 1, tzinfo=UTC)
    while True:
        page = await live.search(
            CONTACTS,
            filters=[
                Filter(MODIFIED_PROPERTY[CONTACTS], Operator.GTE, since),
                Filter("hs_object_id", Operator.GT, last_id),
            ],
            properties=["email"],
        )
        found += [record.id for record in page.records]
        assert (page.total > len(page.records)) == (page.after is not None)
        if page.after is None:
            break
        last_id = int(found[-1])
    assert len(found) > 400
    assert found == sorted(await ids_by_list(live, CONTACTS), key=int)


async def test_records_are_hydrated_with_every_defined_property(live):
    names = [definition.name for definition in await live.properties(DEALS)]
    ids = (await ids_by_list(live, DEALS))[:99]
    read = await live.batch_read(DEALS, [*ids, "999999999999"], names)
    assert {record.id for record in read.records} == set(ids)
    assert read.missing_ids == {"999999999999"}
    assert all(record.properties["hs_object_id"] == record.id for record in read.records)
    assert all(record.url and record.updated_at for record in read.records)


async def test_each_deal_gets_a_complete_answer_about_its_links(live):
    deals = await ids_by_list(live, DEALS)
    companies = set(await ids_by_list(live, COMPANIES))
    found = await live.associations(DEALS, COMPANIES, deals)
    assert set(found.links) == set(deals)
    assert found.failed == {}
    links = [link for of_deal in found.links.values() for link in of_deal]
    assert links
    assert {link.to_id for link in links} <= companies
    assert {5, 341} <= {t.type_id for link in links for t in link.types}


async def test_what_the_portal_defines_is_read(live):
    [*pipelines] = await live.pipelines()
    probabilities = {stage.probability for pipeline in pipelines for stage in pipeline.stages if stage.is_closed}
    assert {float(p) for p in probabilities if p is not None} == {0.0, 1.0}
    owners = await live.owners()
    assert {owner.archived for owner in owners} == {True, False}
    account = await live.account()
    assert (account.time_zone, account.company_currency) == ("US/Eastern", "USD")


async def test_a_refused_request_carries_the_portals_reason(live):
    with pytest.raises(RequestRefused) as refused:
        await live.search(CONTACTS, filters=[Filter("no_such_property", Operator.GT, 1)])
    assert refused.value.body is not None
    assert refused.value.body.category == "VALIDATION_ERROR"
