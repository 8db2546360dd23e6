"""The turn of deals that were mapped ahead passes over them, unless something changed since that their texts tell."""

from datetime import timedelta

import pytest

from coppermind_pipeline.memories import map_deals_ahead
from coppermind_pipeline_tests.memories.filled import fill
from coppermind_pipeline_tests.memories.steps import change, drained, mapped, rows
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_DEALS = 60
_LATER = timedelta(days=1)


def _rename_an_owner(portal: StoredPortal) -> None:
    portal.execute("UPDATE hubspot_owners SET label = 'Dana R.' WHERE hubspot_id = '1007'")


@pytest.mark.parametrize(
    ("meanwhile", "later", "deals"),
    [
        pytest.param(lambda _: None, timedelta(), 0, id="nothing changed"),
        pytest.param(lambda portal: change(portal, "deals", "6", "amount = 7"), timedelta(), 1, id="a deal did"),
        pytest.param(
            lambda portal: change(portal, "contacts", "11", "name = 'Li'"), timedelta(), 1, id="a contact did"
        ),
        pytest.param(lambda portal: change(portal, "companies", "4", "name = 'X'"), timedelta(), 2, id="a company did"),
        pytest.param(_rename_an_owner, timedelta(), _DEALS, id="a label did"),
        pytest.param(lambda _: None, _LATER, _DEALS, id="the day did"),
    ],
)
def test_deals_mapped_ahead_are_mapped_again_where_something_changed(portal: StoredPortal, meanwhile, later, deals):
    fill(portal, deals=_DEALS)
    mapped(portal, deals=False)
    ids = [str(number) for number in range(1, _DEALS + 1)]
    whose = {"connector_id": portal.connector_id, "mind_id": portal.mind_id}
    assert map_deals_ahead(portal.database, **whose, deals=iter([ids[:40], ids[40:]]), now=NOW).considered == _DEALS
    meanwhile(portal)
    mapped(portal, deals=False, now=NOW + later)
    assert mapped(portal, now=NOW + later).considered == deals
    drained(portal)
    assert rows(portal, "SELECT FROM deals_mapped_ahead") == []
    portal.execute("UPDATE pipeline_stages SET seq = 0 WHERE stage IN ('map', 'map_deals')")
    again = mapped(portal, now=NOW + later)
    assert again.considered > _DEALS
    assert (again.queued, again.retired) == (0, 0), "every text is the one that a mapping from the beginning makes"
