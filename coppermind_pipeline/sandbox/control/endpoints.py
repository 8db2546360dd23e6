"""Control endpoints: everything that is not HubSpot's, under `/__sandbox__/`.

Changes are `POST /__sandbox__/{action}` with a JSON object; `hub_id` names the portal, the first one where it is
left out. Times are epoch milliseconds of the sandbox's clock. A request that makes no sense answers 400 with
`{"error": …}` and changes nothing.

- `create_portal`: `hub_id?`, `seed`, `contacts?`, `companies?`, `deals?` → `hub_id`
- `create`: `object_type`, `records: [{properties, id?}]`, `at_ms?` → `ids`
- `edit`: `object_type`, `ids` or `first` or neither (all), `properties` (null clears), `touch`, `at_ms?`,
  `spread_ms` → `changed`
- `archive`, `restore`, `erase`, `purge`: `object_type`, `ids` → `changed`
- `merge`: `object_type`, `primary_id`, `other_id` → `id` of the survivor
- `associate`, `disassociate`: `from_type`, `from_id`, `to_type`, `to_id`, `label?`, `all_types`; no date moves
- `set_pipelines`: `object_type`, `documents` (as the API spells them)
- `set_stage`: `pipeline_id`, `stage_id`, `label`, `probability`, `closed`, `remove`
- `set_owners`: `documents`, added, or replaced by id; `archived` for those who left
- `set_property`: `object_type`, `document` or `archive` or `remove` (a name)
- `set_account`: `time_zone?`, `company_currency?`, `additional_currencies?`, `ui_domain?` → the account
- `set_limits`: `enforced` (true, false, or per budget), `policies: {budget: {calls, window_ms}}`,
  `daily_calls_max` → the limits
- `set_switches`: `switches: {name: value}` (see `Switches`) → all switches
- `add_faults`: `faults: […]` (see `Fault`); `clear_faults`; `clear_log`
- `set_latency`, `advance_clock`: `milliseconds`
- `issue_token`: `scopes` → `access_token`, `refresh_token`, `hub_id`
- `uninstall`: ends all tokens of the portal, as an admin can

`edit` without `touch` changes exactly the named values and no date, as HubSpot's calculated properties do; with
`at_ms` any number of records get one and the same modified date.

What can be read, by `GET`: `/portals`, `/limits?hub_id=`, `/requests?hub_id=&path=&since_ms=`, `/grants` (every code
and token ever issued), `/faults`, `/switches?hub_id=`, and `/export?hub_id=`: the true state of a portal as lines
of JSON: records in every state, links, definitions, pipelines, owners, and the ids that are gone for good.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from coppermind_pipeline.sandbox.control.actions import ACTIONS, limits_seen, portal_of, record_document
from coppermind_pipeline.sandbox.portal.edits import EditError
from coppermind_pipeline.sandbox.portal.object_kinds import OBJECT_KINDS
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.state.sandbox import Sandbox

PREFIX = "/__sandbox__"


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control endpoints."""

    async def act(request: Request) -> Response:
        name = request.path_params["action"]
        if name not in ACTIONS:
            return _json({"error": f"there is no action {name}; there are {', '.join(ACTIONS)}"}, status=404)
        model, action = ACTIONS[name]
        try:
            return _json(action(sandbox, model.model_validate_json(await request.body() or b"{}")))
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            return _json({"error": wrong}, status=400)
        except (EditError, ValueError) as error:
            return _json({"error": str(error)}, status=400)

    async def read(request: Request) -> Response:
        name = request.path_params["what"]
        hub_id = request.query_params.get("hub_id")
        try:
            if name == "export":
                portal = portal_of(sandbox, int(hub_id) if hub_id else None)
                return StreamingResponse(_exported(portal), media_type="application/x-ndjson")
            return _json(_read(sandbox, name, int(hub_id) if hub_id else None, request))
        except (KeyError, ValueError) as error:
            return _json({"error": str(error)}, status=400)

    return [
        Route(f"{PREFIX}/{{action}}", act, methods=["POST"]),
        Route(f"{PREFIX}/{{what}}", read, methods=["GET"]),
    ]


def _read(sandbox: Sandbox, name: str, hub_id: int | None, request: Request) -> Any:
    match name:
        case "portals":
            return {"portals": [_portal_document(portal) for portal in sandbox], "now_ms": sandbox.clock.now_ms()}
        case "limits":
            return limits_seen(sandbox, hub_id)
        case "switches":
            return asdict(portal_of(sandbox, hub_id).switches)
        case "grants":
            return {"grants": [asdict(grant) for grant in sandbox.grants.log()]}
        case "faults":
            return {"faults": [fault.model_dump() for fault in sandbox.faults.pending()]}
        case "requests":
            found = sandbox.log.matching(
                hub_id=hub_id,
                path_contains=request.query_params.get("path", ""),
                since_ms=int(request.query_params.get("since_ms", "0")),
            )
            return {"total": sandbox.log.total, "requests": [each.document() for each in found]}
    raise EditError(f"there is nothing to read under {name}")


def _portal_document(portal: Portal) -> dict[str, Any]:
    records = portal.records
    return {
        "hub_id": portal.hub_id,
        "hub_domain": portal.hub_domain,
        "uninstalled": portal.uninstalled,
        "live": {kind.name: records.count(kind) for kind in OBJECT_KINDS},
        "archived": {kind.name: records.count(kind, archived=True) for kind in OBJECT_KINDS},
    }


async def _exported(portal: Portal) -> AsyncIterator[bytes]:
    """Yield a portal's true state, line by line; the loop serves others only between chunks."""
    for kind in OBJECT_KINDS:
        lines = bytearray()
        for record in portal.records.everything(kind):
            lines += orjson.dumps(record_document(kind, record)) + b"\n"
            if len(lines) > 256_000:
                yield bytes(lines)
                lines.clear()
        yield bytes(lines)
        for definition in portal.definitions[kind]:
            yield orjson.dumps({"property": definition.document, "object_type": kind.name}) + b"\n"
        for document in portal.pipelines.documents(kind):
            yield orjson.dumps({"pipeline": document, "object_type": kind.name}) + b"\n"
    for owner in portal.owners.values():
        yield orjson.dumps({"owner": owner.document()}) + b"\n"
    for owner_kind, other_kind in portal.associations.pairs():
        labels = portal.associations.labels(owner_kind, other_kind)
        lines = bytearray()
        for owner_id, other_id, type_id in portal.associations.everything(owner_kind, other_kind):
            category, label = labels[type_id]
            link = {
                "from_type": owner_kind.name,
                "from_id": str(owner_id),
                "to_type": other_kind.name,
                "to_id": str(other_id),
                "type_id": type_id,
                "category": category,
                "label": label,
            }
            lines += orjson.dumps({"association": link}) + b"\n"
        yield bytes(lines)
    for (object_type, record_id), how in portal.gone.items():
        yield orjson.dumps({"gone": {"object_type": object_type, "id": str(record_id), "how": how}}) + b"\n"


def _json(document: Any, *, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")
