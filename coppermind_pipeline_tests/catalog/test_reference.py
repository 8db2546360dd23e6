"""Reference reads: what differs is written, what is gone is marked, and what is the same costs one question."""

from typing import Any

from sqlalchemy import text

from coppermind_pipeline.catalog import (
    ReferenceAnswer,
    ReferenceRead,
    load_labels,
    load_stages,
    owners_answer,
    pipelines_answer,
    store_answer,
    stored_digests,
)
from coppermind_pipeline.hubspot import Owner, Pipeline, Stage
from coppermind_pipeline_tests.stored_portal import StoredPortal


def _owner(owner_id: str, **fields: Any) -> Owner:
    values: dict[str, Any] = {
        "email": None, "first_name": None, "last_name": None, "user_id": None,
        "user_id_including_inactive": None, "archived": False,
    }  # fmt: skip
    return Owner(id=owner_id, **values | fields)


def _stage(stage_id: str, label: str) -> Stage:
    return Stage(id=stage_id, label=label, display_order=1, is_closed=None, probability="1.0")


def _stored(portal: StoredPortal, answer: ReferenceAnswer) -> ReferenceRead:
    with portal.database.mind(portal.mind_id) as connection:
        return store_answer(connection, portal.connector_id, answer)


def _owners(portal: StoredPortal) -> dict[str, tuple[str, bool]]:
    statement = "SELECT hubspot_id, label, missing_since FROM hubspot_owners ORDER BY hubspot_id"
    with portal.database.mind(portal.mind_id) as connection:
        return {
            row.hubspot_id: (row.label, row.missing_since is not None) for row in connection.execute(text(statement))
        }


def test_owners_are_named_and_those_that_are_gone_keep_their_name(portal: StoredPortal):
    answer = owners_answer([_owner("11", first_name="Dana", last_name="Reyes"), _owner("13", email="sam@acme.com")])
    assert _stored(portal, answer) == ReferenceRead(entries=2, changed=True)
    assert _owners(portal) == {
        "11": ("Dana Reyes", False),
        "12": ("Sam Okafor", True),
        "13": ("sam@acme.com", False),
    }
    with portal.database.mind(portal.mind_id) as connection:
        labels = load_labels(connection, portal.connector_id, properties=())
    assert labels.owner("12").text == "Sam Okafor"


def test_the_same_answer_in_another_order_changes_nothing(portal: StoredPortal):
    owners = [_owner("11", first_name="Dana"), _owner("12", first_name="Sam")]
    assert _stored(portal, owners_answer(owners)).changed
    assert not _stored(portal, owners_answer(reversed(owners))).changed
    with portal.database.mind(portal.mind_id) as connection:
        assert stored_digests(connection, portal.connector_id) == {"owners": owners_answer(owners).digest}


def test_an_owner_who_comes_back_is_missing_no_longer(portal: StoredPortal):
    _stored(portal, owners_answer([_owner("11", first_name="Dana")]))
    _stored(portal, owners_answer([_owner("11", first_name="Dana"), _owner("12", first_name="Sam")]))
    assert _owners(portal)["12"] == ("Sam", False)


def test_stages_are_read_with_their_pipelines(portal: StoredPortal):
    stages = (_stage("closedwon", "Signed"), _stage("closedwon", "Signed"))
    answer = pipelines_answer([Pipeline("default", "Sales", 0, stages=stages)])
    assert _stored(portal, answer) == ReferenceRead(entries=1, changed=True)
    with portal.database.mind(portal.mind_id) as connection:
        known = {(stage.pipeline_id, stage.stage_id): stage for stage in load_stages(connection, portal.connector_id)}
    won, gone = known["default", "closedwon"], known["7001", "7101"]
    assert (won.label, won.outcome, won.missing) == ("Signed", "won", False)
    assert (gone.label, gone.missing) == ("Renewal Due", True)
