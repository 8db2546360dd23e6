"""What changes seldom: property definitions, pipelines, owners, account details."""

from typing import Any
from urllib.parse import quote, urlencode

from coppermind_pipeline.sandbox.api.endpoint import Call
from coppermind_pipeline.sandbox.replies import Reply, error, invalid, ok

OWNERS_DEFAULT = 100
OWNERS_MAX = 500
_API_HOST = "https://api.hubapi.com"


def list_properties(call: Call) -> Reply:
    """`GET …/properties/{type}`: all definitions on one page; sensitive ones only if asked for."""
    archived = call.flag("archived")
    sensitivity = call.query_one("dataSensitivity", "non_sensitive") or "non_sensitive"
    definitions = call.portal.definitions[call.kind()]
    found = [d.document for d in definitions if d.archived == archived and d.sensitivity == sensitivity]
    return ok({"results": found}, records=len(found))


def get_property(call: Call) -> Reply:
    """`GET …/properties/{type}/{name}`."""
    definition = call.portal.definitions[call.kind()].get(call.parameters["property_name"])
    if definition is None:
        raise error(404, f"Property {call.parameters['property_name']} does not exist", category="OBJECT_NOT_FOUND")
    return ok(definition.document)


def list_pipelines(call: Call) -> Reply:
    """`GET …/pipelines/{type}`: all pipelines with their stages on one page."""
    return ok({"results": call.portal.pipelines.documents(call.kind())})


def get_pipeline(call: Call) -> Reply:
    """`GET …/pipelines/{type}/{id}`."""
    wanted = call.parameters["pipeline_id"]
    for document in call.portal.pipelines.documents(call.kind()):
        if document["id"] == wanted:
            return ok(document)
    raise error(404, f"Pipeline {wanted} does not exist", category="OBJECT_NOT_FOUND")


def list_owners(call: Call) -> Reply:
    """`GET …/owners`: active ones, or with `archived=true` those who left."""
    limit = call.query_one("limit", str(OWNERS_DEFAULT))
    if not limit.isdigit() or not 0 < int(limit) <= OWNERS_MAX:
        raise invalid(f"limit must be between 1 and {OWNERS_MAX} (was {limit})")
    archived, email = call.flag("archived"), call.query_one("email").lower()
    owners = [
        owner
        for owner in call.portal.owners.values()
        if owner.archived == archived and (not email or owner.email.lower() == email)
    ]
    after = call.query_one("after", "0") or "0"
    start, count = int(after) if after.isdigit() else 0, int(limit)
    document: dict[str, Any] = {"results": [owner.document() for owner in owners[start : start + count]]}
    if start + count < len(owners):
        query = [(name, values[-1]) for name, values in call.query.items() if name != "after"]
        next_after = str(start + count)
        link = f"{_API_HOST}{quote(call.path)}?{urlencode([*query, ('after', next_after)])}"
        document["paging"] = {"next": {"after": next_after, "link": link}}
    return ok(document, records=len(document["results"]))


def get_owner(call: Call) -> Reply:
    """`GET …/owners/{id}`."""
    owner = call.portal.owners.get(call.parameters["owner_id"])
    if owner is None or owner.archived != call.flag("archived"):
        raise error(404, "resource not found", category="OBJECT_NOT_FOUND")
    return ok(owner.document())


def account_details(call: Call) -> Reply:
    """`GET /account-info/…/details`."""
    portal = call.portal
    return ok(portal.account.document(portal.hub_id, portal.clock.now_ms()))
