"""HubSpot's own Python client works against the sandbox, unchanged but for the host."""

from collections.abc import Callable
from typing import Any

import httpx
import hubspot
import pytest
from hubspot.crm.associations.v4 import (
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicFetchAssociationsBatchRequest,
)
from hubspot.crm.contacts import (
    ApiException,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectId,
)

from coppermind_pipeline.sandbox import RunningSandbox
from coppermind_pipeline_tests.sandbox.conftest import SCOPES

CALLBACK = "http://localhost:8480/callback"


@pytest.fixture(scope="module")
def client(shared: RunningSandbox) -> hubspot.HubSpot:
    return hubspot.HubSpot(access_token=shared.control.issue_token(SCOPES).access_token)


@pytest.fixture(scope="module")
def here(shared: RunningSandbox) -> Callable[[Any], Any]:
    """Point one of the client's interfaces to the sandbox."""

    def pointed(interface: Any) -> Any:
        interface.api_client.configuration.host = shared.url
        return interface

    return pointed


def test_list_follows_its_pages(client, here, shared: RunningSandbox):
    basic, seen, after = here(client.crm.contacts.basic_api), [], None
    while True:
        page = basic.get_page(limit=90, after=after, properties=["email"], archived=False)
        seen += [record.id for record in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    assert set(seen) == set(shared.control.export().live("contacts"))
    one = basic.get_by_id(seen[0], properties=["email"], associations=["companies"])
    assert one.properties["hs_object_id"] == seen[0]


def test_search_filters_and_sorts(client, here):
    request = PublicObjectSearchRequest(
        filter_groups=[FilterGroup(filters=[Filter(property_name="hs_object_id", operator="GT", value="200")])],
        sorts=["hs_object_id"],
        properties=["email"],
        limit=20,
    )
    found = here(client.crm.contacts.search_api).do_search(public_object_search_request=request)
    ids = [int(record.id) for record in found.results]
    assert ids == sorted(ids)
    assert min(ids) > 200
    assert found.total > len(ids) == 20


def test_batch_read_gives_typed_records_and_errors(client, here):
    first = here(client.crm.contacts.basic_api).get_page(limit=2).results
    ids = [SimplePublicObjectId(id=each) for each in (first[0].id, first[1].id, "999999")]
    request = BatchReadInputSimplePublicObjectId(
        inputs=ids, properties=["email", "lifecyclestage"], properties_with_history=[]
    )
    batch = here(client.crm.contacts.batch_api)
    answer = batch.read(batch_read_input_simple_public_object_id=request)
    assert answer.status == "COMPLETE"
    assert {record.id for record in answer.results} == {first[0].id, first[1].id}
    assert answer.results[0].created_at.tzinfo is not None


def test_definitions_pipelines_and_owners_are_read(client, here):
    definitions = here(client.crm.properties.core_api).get_all("deals", archived=False).results
    assert {"amount", "dealstage"} <= {definition.name for definition in definitions}
    pipelines = here(client.crm.pipelines.pipelines_api).get_all("deals").results
    assert [stage.metadata["isClosed"] for stage in pipelines[0].stages][-1] == "true"
    owners = here(client.crm.owners.owners_api)
    assert owners.get_page(limit=3, archived=False).paging.next.after
    assert all(owner.archived for owner in owners.get_page(archived=True).results)


def test_associations_are_read_in_batches(client, here, shared: RunningSandbox):
    deals = [link.from_id for link in shared.control.export().links if link.type_id == 5]
    request = BatchInputPublicFetchAssociationsBatchRequest(inputs=[PublicFetchAssociationsBatchRequest(id=deals[0])])
    answer = here(client.crm.associations.v4.batch_api).get_page(
        from_object_type="deals",
        to_object_type="companies",
        batch_input_public_fetch_associations_batch_request=request,
    )
    (result,) = answer.results
    assert result._from.id == deals[0]
    assert {t.label for t in result.to[0].association_types} == {"Primary", None}


def test_tokens_are_exchanged_and_described(here, shared: RunningSandbox):
    asked = {"client_id": shared.client_id, "redirect_uri": CALLBACK, "scope": " ".join(SCOPES), "decision": "approve"}
    code = httpx.URL(httpx.get(shared.authorize_url, params=asked).headers["location"]).params["code"]
    oauth = hubspot.HubSpot().oauth
    tokens = here(oauth.tokens_api).create(
        grant_type="authorization_code",
        code=code,
        redirect_uri=CALLBACK,
        client_id=shared.client_id,
        client_secret=shared.client_secret,
    )
    assert tokens.expires_in == 1800
    assert here(oauth.access_tokens_api).get(tokens.access_token).hub_id == shared.control.portals()[0]["hub_id"]


def test_an_error_is_raised_with_its_body(client, here):
    with pytest.raises(ApiException) as refused:
        here(client.crm.contacts.basic_api).get_by_id("1234567")
    assert refused.value.status == 404
    assert "OBJECT_NOT_FOUND" in str(refused.value.body)
