"""Values that are not what HubSpot says they are: kept as they came, normalized to nothing, and counted."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import normalize
from coppermind_pipeline_tests.sync.reconciled import Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled

LONG = "wordy " * 11_000  # some 64 KB


@pytest.fixture
async def portal(database: Database, tmp_path: Path) -> AsyncIterator[Reconciling]:
    async with unthrottled(database, tmp_path, contacts=0, companies=0, deals=0) as portal:
        yield portal


def raw_values(portal: Reconciling, record_id: str) -> dict[str, Any]:
    """Return the newest raw version, read as JSON by a reader that knows lone surrogates."""
    (newest,) = portal.connected.rows(
        """SELECT payload FROM hubspot_raw_records WHERE hubspot_id = :id ORDER BY version DESC LIMIT 1""", id=record_id
    )
    return newest.payload


# Property, its value, the column that depends on it, and what that column says; None: the value can't be read.
VALUES = [
    ("closedate", "next spring", "close_at", None),
    ("closedate", "2026-02-30", "close_at", None),
    ("closedate", "20261124", "close_at", None),
    ("amount", "1,000.50", "amount", None),
    ("amount", "12345678901234567890", "amount", None),
    ("amount", "NaN", "amount", None),
    ("amount", "$ 12", "amount", None),
    ("hs_deal_stage_probability", "7", "probability", None),
    ("deal_currency_code", "Euro", "currency", None),
    ("closed_lost_reason", LONG, "loss_reason", None),
    ("dealname", LONG, "name", None),
    ("dealname", "cut\0here", "name", "cut\ufffdhere"),
    ("amount", "0012.50", "amount", Decimal("12.50")),
    ("amount", "1e3", "amount", Decimal(1000)),
]
UNTYPED = ("date_of_a_quote", "next spring")


async def test_values_are_kept_as_they_came_and_read_where_they_can_be(portal: Reconciling):
    written: list[tuple[str, tuple[str, str, str | None, Any]]] = []
    for case in (*VALUES, (*UNTYPED, None, None)):
        deal = portal.portal.create("deals", {"dealname": "A deal", "dealstage": "a_stage_that_is_gone"})
        portal.portal.edit("deals", [deal], {case[0]: case[1]}, touch=False)
        written.append((deal, case))
    await portal.pull()
    done = normalize(portal.connected.database, portal.connected.connector)
    malformed = 0
    for deal, (name, value, column, read_as) in written:
        row, case = portal.stored("deals", deal), (name, value[:30])
        assert raw_values(portal, deal)[name] == value, case
        assert row.properties[name] == value.replace("\0", "\ufffd"), case
        assert column is None or getattr(row, column) == read_as, case
        taken_as_it_came = column is None or (read_as is not None and "\0" not in value)
        assert row.malformed == ([] if taken_as_it_came else [name]), case
        malformed += len(row.malformed)
    assert done.malformed == malformed == 12


async def test_half_of_a_surrogate_pair_is_kept_and_shown_as_a_replacement(portal: Reconciling):
    contact = portal.portal.create("contacts", {"firstname": "Ann", "email": "ann@customer.example"})
    truth = portal.portal.export().live("contacts")[contact]
    record = {"id": contact, "properties": truth.properties | {"firstname": "HALF"}, "archived": False}
    body = orjson.dumps({"status": "COMPLETE", "results": [record]}).decode().replace("HALF", "Ann \\ud83d!")
    portal.portal.add_fault(Fault(path="contacts/batch/read", status=200, body=body, content_type="application/json"))
    await portal.pull()
    done = normalize(portal.connected.database, portal.connected.connector)
    row = portal.stored("contacts", contact)
    ((kept,),) = portal.connected.rows("SELECT CAST(payload AS text) FROM hubspot_raw_records")
    assert "Ann \\ud83d!" in kept
    assert (row.name, row.properties["firstname"]) == ("Ann \ufffd!", "Ann \ufffd!")
    assert (row.malformed, done.malformed) == (["firstname"], 1)


async def test_values_that_the_database_can_not_hold_are_kept_while_the_portal_refuses_them(portal: Reconciling):
    contact = portal.portal.create("contacts", {"firstname": "Ann", "phone": "1\0" + "2"})
    await portal.sync()
    portal.portal.set_switches(refused_properties=("phone",))
    portal.portal.edit("contacts", [contact], {"firstname": "Anna"})
    await portal.sync()
    values = raw_values(portal, contact)
    assert (values["firstname"], values["phone"]) == ("Anna", "1\0" + "2")


async def test_values_that_are_no_text_at_all_are_kept_as_text(portal: Reconciling):
    deal = portal.portal.create("deals", {"dealname": "A deal"})
    truth = portal.portal.export().live("deals")[deal]
    values = truth.properties | {"amount": 12.5, "hs_is_closed_won": True, "closed_lost_reason": ["a", {"b": 1}]}
    body = {"status": "COMPLETE", "results": [{"id": deal, "properties": values, "archived": False}]}
    portal.portal.add_fault(Fault(path="deals/batch/read", status=200, body=body))
    await portal.pull()
    portal.derive()
    row = portal.stored("deals", deal)
    assert row.amount == Decimal("12.5")
    assert row.properties["hs_is_closed_won"] == "true"
    assert row.properties["closed_lost_reason"] == '["a",{"b":1}]'


async def test_labels_of_definitions_stages_and_owners_survive_what_the_database_can_not_hold(portal: Reconciling):
    options = [{"value": "a\0b", "label": "A\0B", "displayOrder": 0, "hidden": False}]
    definition = {"name": "odd", "label": "Odd\0", "type": "enumeration", "fieldType": "select", "options": options}
    portal.portal.set_property("deals", definition)
    portal.portal.set_owners([{"id": "9", "firstName": "No\0or", "lastName": "", "email": "noor@x.example"}])
    pipeline = portal.portal.export().pipelines["deals"][0]["id"]
    portal.portal.set_stage(pipeline, "odd_stage", label="Sta\0ge")
    assert (await portal.sync()).complete
    (owner,) = portal.connected.rows("SELECT label FROM hubspot_owners WHERE hubspot_id = '9'")
    (stage,) = portal.connected.rows("SELECT label FROM hubspot_stages WHERE hubspot_id = 'odd_stage'")
    (odd,) = portal.connected.rows("SELECT label, options FROM hubspot_properties WHERE name = 'odd'")
    assert (owner.label, stage.label, odd.label) == ("No\ufffdor", "Sta\ufffdge", "Odd\ufffd")
    assert odd.options == [{"label": "A\ufffdB", "value": "a\ufffdb"}]


async def test_a_malformed_value_put_right_is_no_longer_counted(portal: Reconciling):
    deal = portal.portal.create("deals", {"dealname": "A deal", "amount": "1,000.50"})
    await portal.sync()
    assert portal.stored("deals", deal).malformed == ["amount"]
    portal.portal.edit("deals", [deal], {"amount": "1000.50"})
    await portal.sync()
    row = portal.stored("deals", deal)
    assert (row.malformed, row.amount) == ([], Decimal("1000.50"))


async def test_what_nobody_sees_is_in_no_row_that_texts_are_made_of(portal: Reconciling):
    hidden = "\x1b[31m\u202e\u200b\x9b\U000e0041"
    pipeline = portal.portal.export().pipelines["deals"][0]["id"]
    portal.portal.set_stage(pipeline, "hidden_stage", label=f"In{hidden}spected")
    portal.portal.set_owners([{"id": "9", "firstName": f"No{hidden}or", "lastName": "", "email": "noor@x.example"}])
    deal = portal.portal.create(
        "deals", {"dealname": f"Big{hidden} deal", "closed_lost_reason": f"Too\r\n{hidden}dear"}
    )
    assert (await portal.sync()).complete
    portal.derive()
    row = portal.stored("deals", deal)
    assert (row.name, row.loss_reason, row.malformed) == ("Big[31m deal", "Too\n[31mdear", [])
    (stage,) = portal.connected.rows("SELECT label FROM hubspot_stages WHERE hubspot_id = 'hidden_stage'")
    (owner,) = portal.connected.rows("SELECT label FROM hubspot_owners WHERE hubspot_id = '9'")
    assert (stage.label, owner.label) == ("In[31mspected", "No[31mor")
