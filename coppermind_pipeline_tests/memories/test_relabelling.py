"""A label that changed: what shows it is mapped again, nothing else is, and no text keeps the old one."""

import pytest

from coppermind_pipeline.memories import Mapped, map_records
from coppermind_pipeline.memories.mapping import mapping
from coppermind_pipeline_tests.memories.filled import fill
from coppermind_pipeline_tests.memories.steps import drained, live, mapped, published, rows
from coppermind_pipeline_tests.stored_portal import StoredPortal

_RENAMED = """UPDATE hubspot_properties SET options = replace(options::text, '"{label}"', '"{label} (old)"')::jsonb
               WHERE object_type = '{object_type}' AND name = '{name}'"""


def _of_option(object_type: str, name: str, label: str, showing: str) -> tuple[str, str]:
    return _RENAMED.format(
        object_type=object_type, name=name, label=label
    ), f"object_type = '{object_type}' AND {showing}"


# What changes, and which records name it.
CHANGES = {
    "an owner's name": ("UPDATE hubspot_owners SET label = 'Dana R.' WHERE hubspot_id = '1007'", "owner_id = '1007'"),
    "an owner who is new and has no records": (
        """INSERT INTO hubspot_owners (connector_id, mind_id, hubspot_id, label, archived)
           SELECT connector_id, mind_id, '77', 'New One', false FROM hubspot_owners WHERE hubspot_id = '1001'""",
        "false",
    ),
    "an owner who is gone": ("DELETE FROM hubspot_owners WHERE hubspot_id = '1009'", "owner_id = '1009'"),
    "a stage's label": (
        "UPDATE hubspot_stages SET label = 'Signed' WHERE hubspot_id = 'contractsent'",
        "stage_id = 'contractsent'",
    ),
    "a stage's place, which no text shows": ("UPDATE hubspot_stages SET display_order = display_order + 1", "false"),
    "a pipeline's label": (
        "UPDATE hubspot_pipelines SET label = 'Renewing' WHERE hubspot_id = '7001'",
        "pipeline_id = '7001'",
    ),
    "a source's label, which deals show as well": (
        _RENAMED.format(object_type="contacts", name="hs_analytics_source", label="Paid Search"),
        "'PAID_SEARCH' IN (source, attributed_source)",
    ),
    "a lead status": _of_option("contacts", "hs_lead_status", "Unqualified", "lead_status = 'UNQUALIFIED'"),
    "an industry": _of_option("companies", "industry", "Computer Software", "industry IS NOT NULL"),
    "a type of deals": _of_option("deals", "dealtype", "New Business", "deal_type = 'newbusiness'"),
    "a reason of loss among several": _of_option(
        "deals", "closed_lost_reason", "Bad timing", "loss_reason = 'price;timing'"
    ),
    "a reason for winning": _of_option("deals", "closed_won_reason", "Bad timing", "won_reason = 'timing'"),
}


def test_a_changed_label_maps_what_names_it_alone_and_leaves_no_text_with_the_old_one(portal: StoredPortal):
    fill(portal, deals=60)
    published(portal)
    for what, (statement, named_by) in CHANGES.items():
        portal.execute(statement)
        names_it = rows(portal, f"SELECT count(*) AS n FROM hubspot_crm_objects WHERE {named_by}")[0].n
        before = live(portal)
        told = mapped(portal)
        drained(portal)
        after = live(portal)
        changed = {ref for ref in after if after[ref] != before[ref]}
        assert told.considered == names_it, what
        assert told.queued == len(changed) <= names_it, what
        assert bool(changed) == (named_by != "false"), what
        assert mapped(portal) == Mapped(), what
    # A text that shows a label by way of another record would have been left out. Mapped anew, all are as they are.
    portal.execute("UPDATE pipeline_stages SET seq = 0 WHERE stage IN ('map', 'map_deals')")
    anew = mapped(portal)
    assert (anew.considered, anew.queued, anew.retired) == (210, 0, 0)


def test_a_mapping_killed_amid_a_rename_leaves_no_text_with_a_name_that_does_not_hold(
    portal: StoredPortal, monkeypatch: pytest.MonkeyPatch
):
    class Killed(Exception):
        pass

    def die(_: Mapped) -> None:
        raise Killed

    fill(portal, deals=40)  # a few records of each owner
    published(portal)
    monkeypatch.setattr(mapping, "BATCH_RECORDS", 1)
    portal.execute("UPDATE hubspot_owners SET label = 'Dana R.' WHERE hubspot_id = '1007'")
    with pytest.raises(Killed):
        map_records(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id, on_progress=die)
    drained(portal)
    shown = [content for _, content in live(portal).values() if "HubSpot owner: Dana R." in content]
    assert len(shown) == 1, "the batch that was committed"
    portal.execute("UPDATE hubspot_owners SET label = 'Owner 7' WHERE hubspot_id = '1007'")  # as it was before
    mapped(portal)
    drained(portal)
    texts = [content for _, content in live(portal).values()]
    assert not any("Dana R." in text for text in texts)
    assert sum("HubSpot owner: Owner 7." in text for text in texts) == 4
