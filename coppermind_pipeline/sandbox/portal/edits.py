"""Changes to a portal, as people, workflows and HubSpot itself make them.

Each record's new state is true at once; search sees it when the portal's index delay has passed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from coppermind_pipeline.sandbox.portal.association_store import AssociationType
from coppermind_pipeline.sandbox.portal.catalogue import custom_text
from coppermind_pipeline.sandbox.portal.deal_values import CALCULATED_NAMES, calculated, probability_text
from coppermind_pipeline.sandbox.portal.object_kinds import CONTACTS, DEALS, ObjectKind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord, stored
from coppermind_pipeline.sandbox.timestamps import iso, parse_ms

FIRST_ID = 1_001
Values = Mapping[str, str | None]


class EditError(ValueError):
    """A change that can't be made; nothing was changed."""


def create(portal: Portal, kind: ObjectKind, values: Values, *, record_id: int | None, at_ms: int | None) -> int:
    """Add a record and return its id; HubSpot chooses the next one unless it is given."""
    used = portal.records.largest_id(kind)
    new_id = max(used + 1, FIRST_ID) if record_id is None else record_id
    if portal.records.read_one(kind, new_id) is not None:
        raise EditError(f"{kind.singular} {new_id} exists already")
    now_ms = portal.clock.now_ms() if at_ms is None else at_ms
    present = {name: value for name, value in values.items() if value is not None}
    portal.records.write(
        kind,
        _touched(portal, kind, new_id, present, created_ms=now_ms, modified_ms=now_ms, former={}),
        visible_at_ms=portal.visible_at_ms(),
    )
    return new_id


def edit(
    portal: Portal,
    kind: ObjectKind,
    ids: Sequence[int],
    values: Values,
    *,
    touch: bool,
    at_ms: int | None,
    spread_ms: int = 0,
) -> int:
    """Set properties (None: clear) of live records and return how many were changed.

    Args:
        touch: whether the modified date moves, and what HubSpot calculates is calculated anew. Without, exactly
            the named values change, as roll-ups and formulas do.
        at_ms: the modified date; the present time where None.
        spread_ms: spreads the modified dates over so much time before `at_ms`.
    """
    fixed = set() if touch else set(values).intersection(kind.always_returned)
    if fixed:
        raise EditError(f"{', '.join(sorted(fixed))} can't change without the record being touched")
    now_ms = portal.clock.now_ms() if at_ms is None else at_ms
    visible_at_ms = portal.visible_at_ms()

    def changed(record: StoredRecord, number: int) -> StoredRecord:
        former = record.values()
        present = {name: value for name, value in (former | dict(values)).items() if value is not None}
        if not touch:
            return replace_values(record, present)
        modified_ms = now_ms - (spread_ms * number // max(1, len(ids)))
        return _touched(
            portal, kind, record.id, present, created_ms=record.created_ms, modified_ms=modified_ms, former=former
        )

    return _each_live(portal, kind, ids, changed, visible_at_ms)


def archive(portal: Portal, kind: ObjectKind, ids: Sequence[int], *, at_ms: int | None) -> int:
    """Delete records, restorably; their modified date does not move. Returns how many were live."""
    now_ms = portal.clock.now_ms() if at_ms is None else at_ms
    return _each_live(portal, kind, ids, lambda record, _: record._replace(archived_ms=now_ms), portal.visible_at_ms())


def restore(portal: Portal, kind: ObjectKind, ids: Sequence[int]) -> int:
    """Take archived records back; returns how many were restored. Merged ones can't be."""
    visible_at_ms = portal.visible_at_ms()
    restorable = [r for r in portal.records.read(kind, ids) if r.archived_ms is not None and r.merged_into is None]
    for record in restorable:
        portal.records.write(kind, record._replace(archived_ms=None), visible_at_ms=visible_at_ms)
    return len(restorable)


def merge(portal: Portal, kind: ObjectKind, primary_id: int, other_id: int) -> int:
    """Merge two live records and return the survivor's id: a new one, or the primary's where switched so.

    The survivor has the primary's values and what only the other had, the links of both, and names the old ids.
    """
    both = {r.id: r for r in portal.records.read(kind, [primary_id, other_id]) if r.archived_ms is None}
    if primary_id == other_id or len(both) < 2:
        raise EditError(f"a merge takes two live {kind.name}, not {primary_id} and {other_id}")
    now_ms, visible_at_ms = portal.clock.now_ms(), portal.visible_at_ms()
    keeps_id = portal.switches.merge_keeps_id
    survivor_id = primary_id if keeps_id else max(portal.records.largest_id(kind) + 1, FIRST_ID)
    values = both[other_id].values() | both[primary_id].values()
    old_ids = [other_id] if keeps_id else [primary_id, other_id]
    values |= _merge_traces(kind, both.values(), old_ids, now_ms)
    for old_id in old_ids:
        gone = both[old_id]._replace(archived_ms=now_ms, merged_into=survivor_id)
        portal.records.write(kind, gone, visible_at_ms=visible_at_ms)
        portal.associations.move(kind, old_id, survivor_id)
    created_ms = min(record.created_ms for record in both.values())
    survivor = _touched(
        portal, kind, survivor_id, values, created_ms=created_ms, modified_ms=now_ms, former=both[primary_id].values()
    )
    portal.records.write(kind, survivor, visible_at_ms=visible_at_ms)
    return survivor_id


def remove_for_good(portal: Portal, kind: ObjectKind, ids: Iterable[int], *, how: str) -> int:
    """Erase (for privacy) or purge (after the bin's 90 days) records without a trace; returns how many went."""
    found = portal.records.read(kind, list(ids))
    for record in found:
        portal.records.delete(kind, record.id)
        portal.associations.forget(kind, record.id)
        portal.gone[kind.name, record.id] = how
    return len(found)


def association_type(portal: Portal, pair: tuple[ObjectKind, ObjectKind], label: str | None) -> AssociationType:
    """Find a pair's type of link by label (None: the plain one); an unknown label becomes a new type."""
    known = portal.associations.known_types(*pair)
    for each in known:
        if label in ({None} if each.label is None else {each.label, each.inverse_label}):
            return each
    if not known or label is None:
        raise EditError(f"{pair[0].name} and {pair[1].name} can't be linked")
    owner, other = known[0].owner, known[0].other
    type_id = max([99, *(t.inverse_id for t in portal.associations.types if t.category == "USER_DEFINED")]) + 1
    new = AssociationType(owner, other, type_id, type_id + 1, label, label, "USER_DEFINED")
    portal.associations.types.append(new)
    return new


def define_unknown(portal: Portal, kind: ObjectKind, names: Iterable[str]) -> None:
    """Define the names that the portal does not know as text properties of its own."""
    definitions = portal.definitions[kind]
    for name in names:
        if name not in definitions:
            definitions.put(custom_text(name))


def replace_values(record: StoredRecord, values: dict[str, str]) -> StoredRecord:
    """Return a record with other values and the same dates."""
    return stored(
        record.id,
        values,
        created_ms=record.created_ms,
        modified_ms=record.modified_ms,
        archived_ms=record.archived_ms,
        merged_into=record.merged_into,
    )


def _each_live(
    portal: Portal,
    kind: ObjectKind,
    ids: Sequence[int],
    change: Callable[[StoredRecord, int], StoredRecord],
    visible_at_ms: int | None,
) -> int:
    connection = portal.records.connection
    count = 0
    connection.execute("BEGIN")
    try:
        for start in range(0, len(ids), 500):
            for record in portal.records.read(kind, ids[start : start + 500]):
                if record.archived_ms is None:
                    portal.records.write(kind, change(record, count), visible_at_ms=visible_at_ms)
                    count += 1
    finally:
        connection.execute("COMMIT")
    return count


def _touched(
    portal: Portal,
    kind: ObjectKind,
    record_id: int,
    values: dict[str, str],
    *,
    created_ms: int,
    modified_ms: int,
    former: Mapping[str, str],
) -> StoredRecord:
    """Build a record as HubSpot leaves it after a change: dates spelled out, calculated values renewed."""
    given_created = (
        parse_ms(values.get("createdate", "")) if former.get("createdate") != values.get("createdate") else None
    )
    created_ms = created_ms if given_created is None else given_created
    values |= {
        "createdate": iso(created_ms),
        "hs_object_id": str(record_id),
        kind.modified_property: iso(modified_ms),
    }
    if kind is DEALS:
        values |= _entered_stage(portal, values, former, modified_ms)
        renewed = calculated(
            values, pipelines=portal.pipelines, company_currency=portal.account.company_currency, rates=portal.rates
        )
        values = {name: value for name, value in values.items() if name not in CALCULATED_NAMES} | renewed
    return stored(record_id, values, created_ms=created_ms, modified_ms=modified_ms)


def _entered_stage(portal: Portal, values: Mapping[str, str], former: Mapping[str, str], at_ms: int) -> dict[str, str]:
    stage = portal.pipelines.deal_stage(values.get("dealstage"))
    if stage is None or former.get("dealstage") == stage.id:
        return {}
    moment = iso(at_ms)
    entered = {
        f"hs_v2_date_entered_{stage.id}": moment,
        "hs_v2_date_entered_current_stage": moment,
        "hs_v2_time_in_current_stage": moment,
    }
    if stage.probability is not None:
        entered["hs_deal_stage_probability"] = probability_text(stage.probability)
    if before := former.get("dealstage"):
        entered[f"hs_v2_date_exited_{before}"] = moment
    return {name: value for name, value in entered.items() if name in portal.definitions[DEALS]}


def _merge_traces(
    kind: ObjectKind, merged: Iterable[StoredRecord], old_ids: Iterable[int], now_ms: int
) -> dict[str, str]:
    older = [value for record in merged if (value := record.values().get("hs_merged_object_ids"))]
    ids = dict.fromkeys([*(part for value in older for part in value.split(";")), *map(str, old_ids)])
    traces = {"hs_merged_object_ids": ";".join(ids)}
    if kind is CONTACTS:
        traces["hs_calculated_merged_vids"] = ";".join(f"{old_id}:{now_ms}" for old_id in ids)
    return traces
