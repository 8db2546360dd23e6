"""The store compared with the truth: what a sandbox portal holds, exported, against what a connector has of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from coppermind_pipeline.crm import FUNNEL_STAGES
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import PortalState, RunningSandbox
from coppermind_pipeline_tests.connected import Connected

Key = tuple[str, str]


def assert_store_equals_portal(connected: Connected, sandbox: RunningSandbox) -> None:
    """Assert that the store has each live record of the window and each one that a stored deal is linked to, as it is.

    Compared are the set of live records, every property that is defined (calculated ones too), the links of live deals
    with their labels, which records are there for reference only, and that each merged, erased or archived record is
    out of every count. A record that a deal was once linked to may be there still, if it is as HubSpot has it.
    """
    state = sandbox.control.export(hub_id=connected.connector.hub_id)
    ((since,),) = connected.rows("SELECT since FROM hubspot_backfills")
    live = {(t.value, r.id): r for t in ObjectType for r in state.live(t.value).values()}
    window = {key for key, record in live.items() if record.modified_ms >= int(since.timestamp() * 1000)}
    links = _links(state, window, live.keys())
    referenced = {(to_type, to_id) for _, to_type, to_id in links}

    rows = {(row.object_type, row.hubspot_id): row for row in connected.rows("SELECT * FROM hubspot_crm_objects")}
    stored = {key for key, row in rows.items() if row.archived_at is None}
    missing = (window | referenced) - stored
    assert not missing, f"live in the portal, not in the store: {missing}"
    once_referenced = stored - window - referenced
    surplus = once_referenced - live.keys()
    assert not surplus, f"live in the store, not in the portal: {surplus}"
    for key in stored:
        assert rows[key].referenced_only == (key not in window), (key, rows[key].modified_at, since)

    defined = _defined(state)
    for key in stored:
        truth = {name: value for name, value in live[key].properties.items() if name in defined[key[0]]}
        assert rows[key].properties == truth, (key, rows[key].properties.items() ^ truth.items())
    linked = _stored_links(connected)
    differing = {key: (linked.get(key), links.get(key)) for key in linked.keys() | links.keys()}
    differing = {key: both for key, both in differing.items() if both[0] != both[1]}
    assert not differing, f"links as stored, and as they are: {differing}"
    _assert_gone_are_out(connected, state, rows)
    assert_copies_follow(connected)


def assert_copies_follow(connected: Connected) -> None:
    """Assert that the narrow copies of deals and contacts, and the counts of records, say what the records say."""
    for copies, object_type in (("live_deals", "deals"), ("live_contacts", "contacts")):
        columns = ", ".join(row.column_name for row in connected.rows(COPIED_COLUMNS.format(copies)))
        for one, other in ((copies, "live_records"), ("live_records", copies)):
            of_type = f"SELECT {{}} FROM {{}} WHERE object_type = '{object_type}'"
            surplus = connected.rows(f"{of_type.format(columns, one)} EXCEPT {of_type.format(columns, other)}")
            assert surplus == [], f"in {one}, not in {other}"
    assert_stages_come_down_to(connected.rows("SELECT * FROM live_contacts"))
    assert connected.rows("SELECT * FROM record_counts WHERE stored > 0 ORDER BY object_type") == connected.rows(
        """SELECT connector_id, mind_id, object_type, count(*), count(*) FILTER (WHERE referenced_only)
             FROM live_records GROUP BY connector_id, mind_id, object_type ORDER BY object_type"""
    )


def assert_stages_come_down_to(contacts: Iterable[Row[Any]]) -> None:
    """Assert that what is stored beside a contact's lists of stages says what they say."""
    for contact in contacts:
        seen = dict(zip(contact.stages_seen, contact.stages_seen_at, strict=True))
        known = dict(zip(contact.stages_entered, contact.stages_entered_at, strict=True)) | seen
        if contact.lifecycle_stage is not None:
            known.setdefault(contact.lifecycle_stage, None)
        dates = [at for at in known.values() if at is not None]
        expected = {
            **{f"{stage}_at": known.get(stage) for stage in FUNNEL_STAGES},
            "been_in": sum(1 << place for place, stage in enumerate(FUNNEL_STAGES) if stage in known),
            "seen_in": sum(1 << place for place, stage in enumerate(FUNNEL_STAGES) if stage in seen),
            "first_entered_at": min(dates, default=None),
            "last_entered_at": max(dates, default=None),
            "other_stages": sorted(known.keys() - {*FUNNEL_STAGES}),
            "undated_stages": sorted(stage for stage, at in known.items() if at is None),
        }
        stored = {name: getattr(contact, name) for name in expected}
        lists = {name: sorted(stored[name] or []) for name in ("other_stages", "undated_stages")}
        assert stored | lists == expected, contact.hubspot_id
        assert [] not in stored.values(), "an empty list is stored as null"


# Those that a copy has beside are told from them.
COPIED_COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = 'coppermind' AND table_name = '{}'
INTERSECT
SELECT column_name FROM information_schema.columns WHERE table_schema = 'coppermind' AND table_name = 'live_records'
"""


def _assert_gone_are_out(connected: Connected, state: PortalState, rows) -> None:
    merged = {(r.object_type, r.id): r.merged_into for r in state.records if r.merged_into is not None}
    archived = {(r.object_type, r.id) for r in state.records if not r.live and r.merged_into is None}
    for key, row in rows.items():
        if key in merged and (survivor := _last(merged, key)) is not None and (key[0], survivor) in state.gone:
            # Nobody is left to tell of the merge.
            assert row.archived_reason in {"merged", "erased", "purged", "archived"}, (key, row.archived_reason)
        elif key in merged:
            assert (row.archived_reason, row.merged_into) == ("merged", _last(merged, key)), key
        elif key in archived:
            assert (row.archived_reason, row.merged_into) == ("archived", None), key
        elif key in state.gone:
            assert row.archived_reason in {"purged", "erased", "merged"}, (key, row.archived_reason)
            if row.archived_reason == "erased":
                assert row.properties == {}, key
                assert (row.name, row.email, row.merged_into) == (None, None, None), key
    texts = connected.rows(
        """SELECT raw.hubspot_id FROM hubspot_raw_records AS raw JOIN hubspot_crm_objects AS object
                USING (connector_id, object_type, hubspot_id)
            WHERE object.archived_reason = 'erased' AND CAST(raw.payload AS text) <> '{}'"""
    )
    assert texts == []


def _last(merged: Mapping[Key, str], key: Key) -> str | None:
    while (following := merged.get(key)) is not None:
        key = (key[0], following)
    return key[1]


def _links(state: PortalState, window: set[Key], live) -> dict[tuple[str, str, str], tuple[list[str], list[int]]]:
    """Return the links of the window's deals, with labels and type ids in order."""
    found: dict[tuple[str, str, str], tuple[set[str], set[int]]] = {}
    for link in state.links:
        ends = (link.from_type, link.from_id), (link.to_type, link.to_id)
        if link.from_type == "deals" and ends[0] in window and ends[1] in live:
            labels, type_ids = found.setdefault((link.from_id, link.to_type, link.to_id), (set(), set()))
            labels.update([link.label] if link.label else [])
            type_ids.add(link.type_id)
    return {key: (sorted(labels), sorted(type_ids)) for key, (labels, type_ids) in found.items()}


def _stored_links(connected: Connected) -> dict[tuple[str, str, str], tuple[list[str], list[int]]]:
    rows = connected.rows(
        """SELECT link.* FROM hubspot_associations AS link
             JOIN hubspot_crm_objects AS deal ON deal.connector_id = link.connector_id
              AND deal.object_type = link.from_type AND deal.hubspot_id = link.from_id AND deal.archived_at IS NULL
            WHERE link.valid_to IS NULL"""
    )
    return {(row.from_id, row.to_type, row.to_id): (sorted(row.labels), sorted(row.type_ids)) for row in rows}


def _defined(state: PortalState) -> dict[str, set[str]]:
    return {
        object_type: {
            d["name"]
            for d in definitions
            if not d.get("archived") and d.get("dataSensitivity", "non_sensitive") == "non_sensitive"
        }
        for object_type, definitions in state.properties.items()
    }
