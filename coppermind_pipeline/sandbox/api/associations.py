"""Links between records, read in batches.

Source: HubSpot, "Associate records" and "Get associations"; answers recorded from HubSpot.
"""

from itertools import groupby
from typing import Any

import orjson

from coppermind_pipeline.sandbox.api.endpoint import Call
from coppermind_pipeline.sandbox.portal.association_store import Link
from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind
from coppermind_pipeline.sandbox.replies import Reply, error, invalid, invalid_json, ok
from coppermind_pipeline.sandbox.timestamps import iso

BATCH_IDS_MAX = 1_000


def batch_read_associations(call: Call) -> Reply:
    """`POST …/associations/{from}/{to}/batch/read`: links by input id, each id paged for itself."""
    portal, started = call.portal, call.portal.clock.now_ms()
    from_kind, to_kind = _ends(call)
    inputs = _inputs(call.body)
    numbers = [int(each) for each, _ in inputs if each.isdigit() and len(each) < 19]
    links = portal.associations.of(from_kind, to_kind, numbers)
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for each, after in inputs:
        if not each.isdigit() or len(each) >= 19:
            errors.append(_bad_id(each))
        elif found := links.get(int(each)):
            results.append(_linked(call, from_kind, to_kind, found, after))
        else:
            errors.append(_nothing(each, from_kind, to_kind))
    document: dict[str, Any] = {
        "completedAt": iso(portal.clock.now_ms()),
        "status": "COMPLETE",
        "startedAt": iso(started),
        "results": results,
    }
    if errors:
        document |= {"errors": errors, "numErrors": len(errors)}
    return ok(document, status=207 if errors else 200, records=len(results))


def list_associations(call: Call) -> Reply:
    """`GET …/objects/{from}/{id}/associations/{to}`: one record's links."""
    from_kind, to_kind = _ends(call)
    record_id = call.parameters["object_id"]
    if not record_id.isdigit():
        raise invalid(f"{record_id} is not a valid ID")
    found = call.portal.associations.of(from_kind, to_kind, [int(record_id)]).get(int(record_id), [])
    if not found:
        return ok({"results": []})
    shown = _linked(call, from_kind, to_kind, found, call.query_one("after") or None)
    document = {"results": shown["to"]} | ({"paging": shown["paging"]} if "paging" in shown else {})
    return ok(document, records=len(shown["to"]))


def list_labels(call: Call) -> Reply:
    """`GET …/associations/{from}/{to}/labels`."""
    labels = call.portal.associations.labels(*_ends(call))
    return ok(
        {
            "results": [
                {"category": category, "typeId": type_id, "label": label}
                for type_id, (category, label) in sorted(labels.items())
            ]
        }
    )


def _ends(call: Call) -> tuple[ObjectKind, ObjectKind]:
    from_kind, to_kind = call.kind("from_type"), call.kind("to_type")
    if from_kind is to_kind:
        raise error(400, f"No associations between {from_kind.name} and {to_kind.name} in this portal")
    return from_kind, to_kind


def _inputs(body: bytes) -> list[tuple[str, str | None]]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise invalid_json(str(wrong), wrong.colno) from None
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(item, dict) and "id" in item for item in inputs):
        raise invalid_json(
            "Cannot build BatchInputPublicFetchAssociationsBatchRequest, required attributes are not set [inputs]"
        )
    if len(inputs) > BATCH_IDS_MAX:
        raise invalid(f"The maximum number of inputs is {BATCH_IDS_MAX} (had {len(inputs)})")
    return [(str(item["id"]), item.get("after")) for item in inputs]


def _linked(
    call: Call, from_kind: ObjectKind, to_kind: ObjectKind, links: list[Link], after: str | None
) -> dict[str, Any]:
    switches = call.portal.switches
    labels = call.portal.associations.labels(from_kind, to_kind)
    from_id = str(links[0].from_id)
    if after:
        links = [link for link in links if link.to_id >= int(after)]
    by_other = [(other, list(some)) for other, some in groupby(links, key=lambda link: link.to_id)]
    page, rest = by_other[: switches.association_page], by_other[switches.association_page :]
    shown: dict[str, Any] = {
        "from": {"id": from_id},
        "to": [
            {
                "toObjectId": str(other) if switches.to_object_id_string else other,
                "associationTypes": [
                    {"category": labels[link.type_id][0], "typeId": link.type_id, "label": labels[link.type_id][1]}
                    for link in some
                ],
            }
            for other, some in page
        ],
    }
    if rest:
        next_after = str(rest[0][0])
        shown["paging"] = {"next": {"after": next_after, "link": f"?after={next_after}"}}
    return shown


def _nothing(record_id: str, from_kind: ObjectKind, to_kind: ObjectKind) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {to_kind.singular} is associated with {from_kind.singular} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [from_kind.singular],
            "toObjectType": [to_kind.singular],
        },
    }


def _bad_id(record_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
        "message": f"{record_id} is not a valid ID",
        "context": {"id": [record_id]},
    }
