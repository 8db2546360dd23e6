"""Records: list, single, batch read, search.

Source: HubSpot, "Using object APIs" and "Search the CRM"; answers recorded from HubSpot.
"""

from typing import Any
from urllib.parse import quote, urlencode

import orjson

from coppermind_pipeline.sandbox.api.endpoint import Call
from coppermind_pipeline.sandbox.api.rendering import render, render_history
from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.replies import Reply, error, invalid, invalid_json, object_not_found, ok
from coppermind_pipeline.sandbox.search.request import RESULTS_MAX, parse_search
from coppermind_pipeline.sandbox.timestamps import iso

LIST_RECORDS_MAX = 100
BATCH_IDS_MAX = 100
WITH_HISTORY_MAX = 50
_API_HOST = "https://api.hubapi.com"


def search_objects(call: Call) -> Reply:
    """`POST …/search`."""
    kind, switches = call.kind(), call.portal.switches
    if 0 < switches.search_body_characters_max < len(call.body):
        raise invalid(f"The request body can have at most {switches.search_body_characters_max} characters")
    request = parse_search(call.body)
    page = call.sandbox.searches[call.portal.hub_id].search(kind, request)
    results = render(call.portal, kind, page.records, request.properties)
    total = min(page.total, RESULTS_MAX) if switches.total_capped else page.total
    document: dict[str, Any] = {"total": total, "results": results}
    if page.next_after is not None:
        document["paging"] = {"next": {"after": str(page.next_after)}}
    return ok(document, records=len(results))


def batch_read(call: Call) -> Reply:
    """`POST …/batch/read`: what is found, and the ids that are not (207)."""
    portal, kind, started = call.portal, call.kind(), call.portal.clock.now_ms()
    request = _batch_request(call.body)
    names = request.get("properties") or []
    history = request.get("propertiesWithHistory") or []
    _check_names(portal, names)
    asked = [str(item.get("id", "")) for item in request["inputs"]]
    limit = WITH_HISTORY_MAX if history else BATCH_IDS_MAX
    if len(asked) > limit:
        with_history = " when requesting properties with history" if history else ""
        raise invalid(f"The maximum number of objects that can be read at once is {limit}{with_history}.")
    twice = sorted({each for each in asked if asked.count(each) > 1}) if len(set(asked)) < len(asked) else []
    if twice and portal.switches.duplicate_ids_refused:
        raise invalid(
            f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", context={"ids": twice}
        )
    found, missing = _resolve(
        portal, kind, asked, id_property=request.get("idProperty"), archived=call.flag("archived")
    )
    if portal.switches.batch_reversed:
        found.reverse()
    results = render(portal, kind, found, names or None)
    if history:
        render_history(portal, kind, results, found, history)
    document: dict[str, Any] = {
        "completedAt": iso(portal.clock.now_ms()),
        "status": "COMPLETE",
        "startedAt": iso(started),
        "results": results,
    }
    if not missing:
        return ok(document, records=len(results))
    document |= {"errors": [object_not_found(kind.singular, missing)], "numErrors": 1}
    return ok(document, status=207, records=len(results))


def list_objects(call: Call) -> Reply:
    """`GET …/{type}`: all records by id, page by page; `after` is the id that the next page begins with."""
    portal, kind = call.portal, call.kind()
    history = call.query_list("propertiesWithHistory")
    names = call.query_list("properties")
    _check_names(portal, names)
    limit_max = WITH_HISTORY_MAX if history else LIST_RECORDS_MAX
    limit = _whole(call.query_one("limit", "10"), "limit")
    if not 0 < limit <= limit_max:
        raise invalid(f"limit must be between 1 and {limit_max} (was {limit})")
    after = _whole(call.query_one("after", "0") or "0", "after")
    archived = call.flag("archived")
    merged = archived and portal.switches.merged_ids_archived
    if portal.switches.list_lags and not archived:
        records = portal.records.page_indexed(kind, from_id=after, limit=limit + 1, now_ms=portal.clock.now_ms())
    else:
        records = portal.records.page(kind, from_id=after, limit=limit + 1, archived=archived, merged=merged)
    results = render(portal, kind, records[:limit], names or None)
    if history:
        render_history(portal, kind, results, records[:limit], history)
    _add_associations(call, kind, results)
    document: dict[str, Any] = {"results": results}
    if len(records) > limit:
        document["paging"] = {"next": _next_link(call, str(records[limit].id))}
    return ok(document, records=len(results))


def get_object(call: Call) -> Reply:
    """`GET …/{type}/{id}`."""
    portal, kind = call.portal, call.kind()
    names = call.query_list("properties")
    _check_names(portal, names)
    history = call.query_list("propertiesWithHistory")
    wanted = [call.parameters["object_id"]]
    found, _ = _resolve(
        portal, kind, wanted, id_property=call.query_one("idProperty") or None, archived=call.flag("archived")
    )
    if not found:
        raise error(404, "resource not found", category="OBJECT_NOT_FOUND")
    results = render(portal, kind, found, names or None)
    if history:
        render_history(portal, kind, results, found, history)
    _add_associations(call, kind, results)
    return ok(results[0], records=1)


def refuse_write(call: Call) -> Reply:
    """Any change: the sandbox's app reads only, whatever it was granted."""
    raise error(403, f"{call.method} is not open to this app.", category="MISSING_SCOPES")


def _batch_request(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise invalid_json(str(wrong), wrong.colno) from None
    inputs = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise invalid_json(
            "Cannot build BatchReadInputSimplePublicObjectId, some of required attributes are not set [inputs]"
        )
    return request


def _resolve(
    portal: Portal, kind: ObjectKind, asked: list[str], *, id_property: str | None, archived: bool
) -> tuple[list[StoredRecord], list[str]]:
    """Find records by id (or by another property); a merged one's id leads to its survivor."""
    if id_property and id_property != "hs_object_id":
        return _by_property(portal, kind, asked, id_property)
    numbers = {int(each): each for each in asked if each.isascii() and each.isdigit() and len(each) < 19}
    rows = {row.id: row for row in portal.records.read(kind, list(numbers))}
    found: dict[int, StoredRecord] = {}
    missing = [each for each in asked if each not in set(numbers.values())]
    for number, as_asked in numbers.items():
        row = rows.get(number)
        if row is not None and row.merged_into is not None and not archived:
            row = portal.records.read_one(kind, portal.survivor(kind, number))
        shown = row is not None and (row.archived_ms is not None) == archived
        if row is not None and row.merged_into is not None and not portal.switches.merged_ids_archived:
            shown = False
        if shown and row is not None:
            found[row.id] = row
        else:
            missing.append(as_asked)
    return list(found.values()), missing


def _by_property(portal: Portal, kind: ObjectKind, asked: list[str], name: str) -> tuple[list[StoredRecord], list[str]]:
    found, missing = [], []
    for value in asked:
        row = portal.records.connection.execute(
            f"SELECT id FROM {kind.name} WHERE archived_ms IS NULL AND folded(json_extract(properties, ?)) = ? LIMIT 1",
            (f'$."{name}"', value.lower()),
        ).fetchone()
        record = portal.records.read_one(kind, row[0]) if row else None
        if record:
            found.append(record)
        else:
            missing.append(value)
    return found, missing


def _check_names(portal: Portal, names: list[str]) -> None:
    """Refuse names that the portal is switched to refuse, naming them, or too many names, naming none."""
    refused = [name for name in names if name in portal.switches.refused_properties]
    if refused:
        each = [
            {
                "message": f'Property "{name}" does not exist',
                "code": "PROPERTY_DOESNT_EXIST",
                "context": {"propertyName": [name]},
            }
            for name in refused
        ]
        said = orjson.dumps(
            [
                {"isValid": False, "message": e["message"], "error": e["code"], "name": name}
                for e, name in zip(each, refused, strict=True)
            ]
        ).decode()
        raise invalid(f"Property values were not valid: {said}", errors=each)
    most = portal.switches.property_names_max
    if most and len(names) > most:
        raise invalid(f"Too many properties requested ({len(names)})")


def _add_associations(call: Call, kind: ObjectKind, results: list[dict[str, Any]]) -> None:
    """Put linked ids beside the records, as list and single answer them on request."""
    for word in call.query_list("associations"):
        other = object_kind(word)
        if other is None or other is kind:
            raise error(400, f"Unable to infer object type from: {word}")
        links = call.portal.associations.of(kind, other, [int(document["id"]) for document in results])
        labels = call.portal.associations.labels(kind, other)
        for document in results:
            mine = links.get(int(document["id"]))
            if mine:
                shown = [
                    {
                        "id": str(link.to_id),
                        "type": f"{kind.singular}_to_{other.singular}"
                        + ("" if labels[link.type_id][1] is None else "_labeled"),
                    }
                    for link in mine
                ]
                document.setdefault("associations", {})[other.name] = {"results": shown}


def _next_link(call: Call, after: str) -> dict[str, str]:
    query = [(name, value) for name, values in call.query.items() for value in values if name != "after"]
    link = f"{_API_HOST}{quote(call.path)}?{urlencode([*query, ('after', after)])}"
    return {"after": after, "link": link}


def _whole(text: str, name: str) -> int:
    if not text.lstrip("-").isdigit():
        raise invalid(f"{name} must be an integer (was {text})")
    return int(text)
