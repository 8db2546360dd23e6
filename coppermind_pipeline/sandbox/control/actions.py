"""What each control request does to a sandbox."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from coppermind_pipeline.sandbox.config import AppSettings, Switches
from coppermind_pipeline.sandbox.control import requests
from coppermind_pipeline.sandbox.limits import Budget, Policy
from coppermind_pipeline.sandbox.portal import edits
from coppermind_pipeline.sandbox.portal.catalogue import stage_definitions
from coppermind_pipeline.sandbox.portal.definitions import Definition
from coppermind_pipeline.sandbox.portal.edits import EditError
from coppermind_pipeline.sandbox.portal.object_kinds import DEALS, ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.owners import Owner
from coppermind_pipeline.sandbox.portal.pipelines import Pipeline, Stage
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.state.grants import Grant, GrantKind
from coppermind_pipeline.sandbox.state.sandbox import Sandbox

Answer = dict[str, Any]
T = TypeVar("T", Switches, AppSettings)
_SWITCHES = TypeAdapter(Switches)
_APP_SETTINGS = TypeAdapter(AppSettings)


def portal_of(sandbox: Sandbox, hub_id: int | None) -> Portal:
    """Return the portal that is meant; raises EditError where there is none of that id."""
    if hub_id is None:
        return sandbox.first_portal()
    try:
        return sandbox.portals[hub_id]
    except KeyError:
        raise EditError(f"there is no portal {hub_id}") from None


def _create_portal(sandbox: Sandbox, wanted: requests.CreatePortal) -> Answer:
    hub_id = wanted.hub_id or max(sandbox.portals) + 1
    sizes = {"contacts": wanted.contacts, "companies": wanted.companies, "deals": wanted.deals}
    sandbox.create_portal(hub_id, seed=wanted.seed, **sizes)
    return {"hub_id": hub_id}


def _create(sandbox: Sandbox, wanted: requests.Create) -> Answer:
    portal, kind = portal_of(sandbox, wanted.hub_id), _kind(wanted.object_type)
    ids = []
    for record in wanted.records:
        edits.define_unknown(portal, kind, record.properties)
        ids.append(edits.create(portal, kind, record.properties, record_id=record.id, at_ms=wanted.at_ms))
    return {"ids": ids}


def _edit(sandbox: Sandbox, wanted: requests.Edit) -> Answer:
    portal, kind = portal_of(sandbox, wanted.hub_id), _kind(wanted.object_type)
    ids = wanted.ids
    if ids is None:
        count = wanted.first or portal.records.count(kind)
        ids = [r.id for r in portal.records.page(kind, from_id=0, limit=count, archived=False, merged=False)]
    edits.define_unknown(portal, kind, wanted.properties)
    changed = edits.edit(
        portal,
        kind,
        ids,
        wanted.properties,
        touch=wanted.touch,
        at_ms=wanted.at_ms,
        spread_ms=wanted.spread_ms,
    )
    return {"changed": changed}


def _archive(sandbox: Sandbox, wanted: requests.Records) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    return {"changed": edits.archive(portal, _kind(wanted.object_type), wanted.ids, at_ms=wanted.at_ms)}


def _restore(sandbox: Sandbox, wanted: requests.Records) -> Answer:
    return {"changed": edits.restore(portal_of(sandbox, wanted.hub_id), _kind(wanted.object_type), wanted.ids)}


def _merge(sandbox: Sandbox, wanted: requests.Merge) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    return {"id": edits.merge(portal, _kind(wanted.object_type), wanted.primary_id, wanted.other_id)}


def _erase(sandbox: Sandbox, wanted: requests.Records) -> Answer:
    return _remove(sandbox, wanted, how="erased")


def _purge(sandbox: Sandbox, wanted: requests.Records) -> Answer:
    return _remove(sandbox, wanted, how="purged")


def _remove(sandbox: Sandbox, wanted: requests.Records, *, how: str) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    return {"changed": edits.remove_for_good(portal, _kind(wanted.object_type), wanted.ids, how=how)}


def _associate(sandbox: Sandbox, wanted: requests.Link) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    pair, ids = _ends(wanted)
    kinds = [edits.association_type(portal, pair, None)]
    if wanted.label:
        kinds.append(edits.association_type(portal, pair, wanted.label))
    for kind in kinds:
        portal.associations.add(kind, *(ids if kind.owner is pair[0] else ids[::-1]))
    return {}


def _disassociate(sandbox: Sandbox, wanted: requests.Link) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    pair, ids = _ends(wanted)
    kind = None if wanted.all_types else edits.association_type(portal, pair, wanted.label)
    return {"changed": portal.associations.remove(kind, pair, ids)}


def _set_pipelines(sandbox: Sandbox, wanted: requests.Documents) -> Answer:
    portal, kind = portal_of(sandbox, wanted.hub_id), _kind(wanted.object_type)
    portal.pipelines.put(kind, [Pipeline.from_document(document) for document in wanted.documents])
    return {}


def _set_stage(sandbox: Sandbox, wanted: requests.StageChange) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    pipelines = portal.pipelines.by_kind.get(DEALS, [])
    if not any(p.id == wanted.pipeline_id for p in pipelines):
        raise EditError(f"there is no pipeline {wanted.pipeline_id}")
    stage = Stage(wanted.stage_id, wanted.label or wanted.stage_id, wanted.probability, wanted.closed)

    def changed(pipeline: Pipeline) -> Pipeline:
        if pipeline.id != wanted.pipeline_id:
            return pipeline
        return pipeline.without_stage(stage.id) if wanted.remove else pipeline.with_stage(stage)

    portal.pipelines.put(DEALS, [changed(p) for p in pipelines])
    for definition in stage_definitions(stage.id, stage.label):
        if not wanted.remove:
            portal.definitions[DEALS].put(definition)
        elif definition.name in portal.definitions[DEALS]:
            portal.definitions[DEALS].remove(definition.name)
    return {}


def _set_owners(sandbox: Sandbox, wanted: requests.Documents) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    for document in wanted.documents:
        owner = Owner.from_document(document)
        portal.owners[owner.id] = owner
    return {}


def _set_property(sandbox: Sandbox, wanted: requests.PropertyChange) -> Answer:
    definitions = portal_of(sandbox, wanted.hub_id).definitions[_kind(wanted.object_type)]
    if wanted.document is not None:
        definitions.put(Definition.from_document(wanted.document))
    for name, leaves in ((wanted.archive, False), (wanted.remove, True)):
        found = definitions.get(name) if name else None
        if name and found is None:
            raise EditError(f"there is no property {name}")
        if found is not None and leaves:
            definitions.remove(found.name)
        elif found is not None:
            definitions.put(replace(found, document=found.document | {"archived": True}))
    return {}


def _set_limits(sandbox: Sandbox, wanted: requests.SetLimits) -> Answer:
    budgets = portal_of(sandbox, wanted.hub_id).budgets
    for budget, window in budgets.windows.items():
        if isinstance(wanted.enforced, bool):
            window.enforced = wanted.enforced
        elif wanted.enforced is not None:
            window.enforced = {Budget(name): on for name, on in wanted.enforced.items()}.get(budget, window.enforced)
    for name, policy in wanted.policies.items():
        budgets.windows[Budget(name)].policy = Policy(policy.calls, policy.window_ms)
    if "daily_calls_max" in wanted.model_fields_set:
        budgets.daily_calls_max = wanted.daily_calls_max
    return limits_seen(sandbox, wanted.hub_id)


def _set_switches(sandbox: Sandbox, wanted: requests.SetSwitches) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    portal.switches = _changed(_SWITCHES, portal.switches, wanted.switches, "switch")
    return asdict(portal.switches)


def _set_app(sandbox: Sandbox, wanted: requests.SetApp) -> Answer:
    sandbox.app = _changed(_APP_SETTINGS, sandbox.app, wanted.settings, "setting of the app")
    return asdict(sandbox.app)


def _set_account(sandbox: Sandbox, wanted: requests.SetAccount) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    given = wanted.model_dump(exclude={"hub_id"}, exclude_none=True)
    if "additional_currencies" in given:
        given["additional_currencies"] = tuple(given["additional_currencies"])
    portal.account = replace(portal.account, **given)
    return portal.account.document(portal.hub_id, sandbox.clock.now_ms())


def _issue_token(sandbox: Sandbox, wanted: requests.IssueToken) -> Answer:
    portal, now_ms = portal_of(sandbox, wanted.hub_id), sandbox.clock.now_ms()
    scopes = tuple(dict.fromkeys(["oauth", *wanted.scopes]))
    allowed = Grant(GrantKind.CODE, "", sandbox.config.client_id, portal.hub_id, scopes, now_ms, None)
    refresh = sandbox.grants.issue_refresh(allowed)
    access = sandbox.grants.issue_access(refresh, now_ms=now_ms)
    return {"hub_id": portal.hub_id, "access_token": access.value, "refresh_token": refresh.value}


def _uninstall(sandbox: Sandbox, wanted: requests.Nothing) -> Answer:
    portal = portal_of(sandbox, wanted.hub_id)
    sandbox.grants.revoke_hub(portal.hub_id)
    portal.uninstalled = True
    return {}


def _advance_clock(sandbox: Sandbox, wanted: requests.AdvanceClock) -> Answer:
    return {"now_ms": sandbox.clock.advance(wanted.milliseconds)}


def _set_latency(sandbox: Sandbox, wanted: requests.SetLatency) -> Answer:
    sandbox.latency_ms = wanted.milliseconds
    return {}


def _add_faults(sandbox: Sandbox, wanted: requests.AddFaults) -> Answer:
    for fault in wanted.faults:
        sandbox.faults.add(fault)
    return {}


def _clear_faults(sandbox: Sandbox, wanted: requests.Nothing) -> Answer:  # noqa: ARG001  (each action takes both)
    sandbox.faults.clear()
    return {}


def _clear_log(sandbox: Sandbox, wanted: requests.Nothing) -> Answer:  # noqa: ARG001
    sandbox.log.clear()
    for portal in sandbox:
        for window in portal.budgets.windows.values():
            window.forget_counts()
    return {}


def limits_seen(sandbox: Sandbox, hub_id: int | None) -> Answer:
    """Tell a portal's limits, and per budget its calls, refusals and the most calls that any window saw."""
    budgets = portal_of(sandbox, hub_id).budgets
    seen: Answer = {
        budget.value: {
            "calls_max": window.policy.calls,
            "window_ms": window.policy.window_ms,
            "enforced": window.enforced,
            "calls": window.calls,
            "refused": window.refused,
            "most_in_window": window.most,
        }
        for budget, window in budgets.windows.items()
    }
    return seen | {"daily_calls_max": budgets.daily_calls_max}


def record_document(kind: ObjectKind, record: StoredRecord) -> Answer:
    """Spell a record's true state."""
    return {
        "object_type": kind.name,
        "id": str(record.id),
        "created_ms": record.created_ms,
        "modified_ms": record.modified_ms,
        "archived_ms": record.archived_ms,
        "merged_into": None if record.merged_into is None else str(record.merged_into),
        "properties": record.values(),
    }


def _changed(adapter: TypeAdapter[T], current: T, changes: dict[str, Any], what: str) -> T:
    values = asdict(current)
    unknown = changes.keys() - values.keys()
    if unknown:
        raise EditError(f"there is no {what} {', '.join(sorted(unknown))}")
    try:
        return adapter.validate_python(values | changes)
    except ValidationError as error:
        raise EditError(str(error)) from error


def _kind(name: str) -> ObjectKind:
    kind = object_kind(name)
    if kind is None:
        raise EditError(f"there is no object type {name}")
    return kind


def _ends(wanted: requests.Link) -> tuple[tuple[ObjectKind, ObjectKind], tuple[int, int]]:
    return (_kind(wanted.from_type), _kind(wanted.to_type)), (wanted.from_id, wanted.to_id)


Action = tuple[type[requests.ControlRequest], Callable[[Sandbox, Any], Answer]]
ACTIONS: dict[str, Action] = {
    "create_portal": (requests.CreatePortal, _create_portal),
    "create": (requests.Create, _create),
    "edit": (requests.Edit, _edit),
    "archive": (requests.Records, _archive),
    "restore": (requests.Records, _restore),
    "merge": (requests.Merge, _merge),
    "erase": (requests.Records, _erase),
    "purge": (requests.Records, _purge),
    "associate": (requests.Link, _associate),
    "disassociate": (requests.Link, _disassociate),
    "set_pipelines": (requests.Documents, _set_pipelines),
    "set_stage": (requests.StageChange, _set_stage),
    "set_owners": (requests.Documents, _set_owners),
    "set_property": (requests.PropertyChange, _set_property),
    "set_limits": (requests.SetLimits, _set_limits),
    "set_switches": (requests.SetSwitches, _set_switches),
    "set_app": (requests.SetApp, _set_app),
    "set_account": (requests.SetAccount, _set_account),
    "issue_token": (requests.IssueToken, _issue_token),
    "uninstall": (requests.Nothing, _uninstall),
    "advance_clock": (requests.AdvanceClock, _advance_clock),
    "set_latency": (requests.SetLatency, _set_latency),
    "add_faults": (requests.AddFaults, _add_faults),
    "clear_faults": (requests.Nothing, _clear_faults),
    "clear_log": (requests.Nothing, _clear_log),
}
