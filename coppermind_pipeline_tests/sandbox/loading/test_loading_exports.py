"""Files as HubSpot's export writes them: labels, names of people, local numbers and dates."""

from pathlib import Path

import pytest

from coppermind_pipeline.sandbox import LoadError, SandboxConfig, create_app
from coppermind_pipeline_tests.sandbox.loading.test_loading import loaded, write

TWO_PIPELINES = [
    {
        "id": number,
        "label": label,
        "stages": [
            {"id": f"{number}1", "label": "Proposal Sent", "metadata": {"isClosed": "false", "probability": "0.5"}},
            {"id": f"{number}2", "label": "Signed", "metadata": {"isClosed": "true", "probability": "1.0"}},
        ],
    }
    for number, label in (("10", "New Customers"), ("20", "Renewals"))
]
DEALS = "Record ID,Deal Name,Amount,Deal Stage,Pipeline,Close Date\n"


def _refusal(directory: Path) -> str:
    with pytest.raises(LoadError) as refused:
        create_app(SandboxConfig(load=directory))
    return str(refused.value)


def _deals(start, directory: Path, rows: str, *, header: str = DEALS) -> dict[str, dict[str, str]]:
    write(directory, deals=header + rows)
    deals = loaded(start, directory).control.export().live("deals")
    return {record_id: deal.properties for record_id, deal in deals.items()}


def test_labels_stand_for_the_names_of_properties_and_of_their_values(start, tmp_path: Path):
    write(
        tmp_path,
        contacts="\ufeffRecord ID,First Name,Last Name,Email,Create Date,Lifecycle Stage,Contact owner,Shoe Size\n"
        "801,Ada,Byron,ada@own.example,2026-01-05 09:30,Marketing Qualified Lead,Sam Sales,38\n",
        companies="Record ID,Company name,Company Domain Name,Industry,Original Source,Company owner\n"
        "901,Loom,loom.example,Computer Software,Organic Search,Kim Gone (Deactivated User)\n",
        deals="Record ID,Deal Name,Amount,Deal Stage,Pipeline,Close Date,Create Date,Deal owner,Deal Type,"
        "Is Closed Won,Associated Company (Primary),Associated Company IDs (Primary),Associated Contact IDs\n"
        "701,Looms for all,1250.5,Closed Won (Sales Pipeline),Sales Pipeline,2026-10-31 18:00,2026-07-01,sam sales,"
        "Existing Business,true,Loom,901,801; 999\n"
        "702,Second,,Qualified To Buy,,,,ada@own.example,,false,,,\n",
    )
    state = loaded(start, tmp_path).control.export()
    owners = {owner["id"]: owner for owner in state.owners}
    contact = state.live("contacts")["801"].properties
    assert (contact["firstname"], contact["lastname"], contact["email"]) == ("Ada", "Byron", "ada@own.example")
    assert contact["lifecyclestage"] == "marketingqualifiedlead"
    assert contact["createdate"] == "2026-01-05T14:30:00Z"  # the portal's zone is US/Eastern
    assert contact["shoe_size"] == "38"
    assert {d["name"]: d["label"] for d in state.properties["contacts"]}["shoe_size"] == "Shoe Size"

    company = state.live("companies")["901"].properties
    assert (company["name"], company["domain"], company["industry"]) == ("Loom", "loom.example", "COMPUTER_SOFTWARE")
    assert company["hs_analytics_source"] == "ORGANIC_SEARCH"
    assert (owners[company["hubspot_owner_id"]]["lastName"], owners[company["hubspot_owner_id"]]["archived"]) == (
        "Gone",
        True,
    )

    won, open_ = (state.live("deals")[number].properties for number in ("701", "702"))
    assert (won["dealname"], won["amount"], won["dealstage"], won["pipeline"]) == (
        "Looms for all",
        "1250.5",
        "closedwon",
        "default",
    )
    assert (won["closedate"], won["createdate"]) == ("2026-10-31T22:00:00Z", "2026-07-01T00:00:00Z")
    assert (won["dealtype"], won["hs_is_closed_won"]) == ("existingbusiness", "true")
    assert won["hubspot_owner_id"] == contact["hubspot_owner_id"]
    assert (open_["dealstage"], open_["pipeline"]) == ("qualifiedtobuy", "default")
    assert owners[open_["hubspot_owner_id"]]["email"] == "ada@own.example"
    assert {(link.from_id, link.to_id, link.label) for link in state.links if link.from_type == "deals"} == {
        ("701", "801", None),  # no file holds contact 999
        ("701", "901", None),
        ("701", "901", "Primary"),
    }


def test_owners_of_a_file_are_found_by_name_and_address(start, tmp_path: Path):
    write(
        tmp_path,
        owners="id,email,first_name,last_name\n77,sam@own.example,Sam,Sales\n",
        companies="Record ID,Company name,Company owner\n"
        "1,Loom,Sam Sales\n2,Forge,SAM@own.example\n3,Mill,77\n4,Kiln,\n",
    )
    companies = loaded(start, tmp_path).control.export().live("companies")
    assert [c.properties.get("hubspot_owner_id") for c in companies.values()] == ["77", "77", "77", None]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["1250.5", "1.234"], ["1250.5", "1.234"]),
        (["1.250,50 €", "1.234", "1.234.567"], ["1250.50", "1234", "1234567"]),
        (["$1,250.50", "$1,234", "-$20"], ["1250.50", "1234", "-20"]),
        (["25,000", "5,000"], ["25000", "5000"]),
        (["0,5", "1 234,5", "12\N{NO-BREAK SPACE}345"], ["0.5", "1234.5", "12345"]),
        (["CHF 1'250.00", "1234567.125"], ["1250.00", "1234567.125"]),
    ],
)
def test_numbers_are_read_as_the_file_spells_them(start, tmp_path: Path, amounts: list[str], expected: list[str]):
    rows = "".join(f'{n},Deal,"{amount}",Contract Sent,,\n' for n, amount in enumerate(amounts, start=1))
    assert [deal["amount"] for deal in _deals(start, tmp_path, rows).values()] == expected


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["31/12/2026", "03/04/2026"], ["2026-12-31T00:00:00Z", "2026-04-03T00:00:00Z"]),
        (["12/31/2026 9:05 PM", "03/04/2026 12:00 AM"], ["2027-01-01T02:05:00Z", "2026-03-04T05:00:00Z"]),
        (["1.2.2026", "01.02.2026 18:30"], ["2026-02-01T00:00:00Z", "2026-02-01T23:30:00Z"]),
        (["2026-07-01", "2026-07-01 08:00:30"], ["2026-07-01T00:00:00Z", "2026-07-01T12:00:30Z"]),
        (["2026-07-01T08:00:00+02:00"], ["2026-07-01T06:00:00Z"]),
        (["04/04/2026"], ["2026-04-04T00:00:00Z"]),
    ],
)
def test_dates_are_read_as_the_file_spells_them(start, tmp_path: Path, dates: list[str], expected: list[str]):
    rows = "".join(f"{n},Deal,1,Contract Sent,,{date}\n" for n, date in enumerate(dates, start=1))
    assert [deal["closedate"] for deal in _deals(start, tmp_path, rows).values()] == expected


def test_cells_may_be_separated_as_spreadsheets_do(start, tmp_path: Path):
    deals = _deals(start, tmp_path, "1;A, B and C;1.250,50;Closed Lost;;\n", header=DEALS.replace(",", ";"))
    assert (deals["1"]["dealname"], deals["1"]["amount"]) == ("A, B and C", "1250.50")


def test_stages_are_those_of_the_row_s_own_pipeline(start, tmp_path: Path):
    write(tmp_path, pipelines=TWO_PIPELINES)
    rows = "1,A,1,Signed,Renewals,\n2,B,1,proposal sent (new customers),,\n3,C,1,202,20,\n"
    deals = _deals(start, tmp_path, rows)
    assert [(d["pipeline"], d["dealstage"]) for d in deals.values()] == [("20", "202"), ("10", "101"), ("20", "202")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"deals": "ID de registro,Nombre del negocio,Valor,Etapa\n1,A,5,Ganado\n"},
            "deals.csv, row 1: no column is the deal's dealname nor its amount nor its dealstage; a header is",
        ),
        ({"deals": "Record ID,Deal Name,Betrag,Deal Stage\n1,A,5,Closed Won\n"}, "no column is the deal's amount;"),
        ({"deals": "id,Titel,Betrag\n1,A,5\n"}, "no column is the deal's dealname"),
        ({"companies": "Record ID,Nombre\n1,A\n"}, "no column is the company's name or domain;"),
        ({"contacts": "Record ID,Correo\n1,A\n"}, "no column is the contact's email or firstname or lastname;"),
        (
            {"deals": DEALS + "1,A,5,Negotiation,,\n"},
            "deals.csv, row 2: the portal has no stage 'Negotiation'; put",
        ),
        ({"deals": DEALS + "1,A,5,Closed Won,Renewals,\n"}, "row 2: the portal has no pipeline 'Renewals'; put the"),
        (
            {"deals": DEALS + "1,A,5,Signed,,\n", "pipelines": TWO_PIPELINES},
            "several pipelines have a stage 'Signed'; add",
        ),
        ({"deals": DEALS + "1,A,12.345,Closed Won,,\n"}, "Amount is '12.345', which can be read as thousands"),
        ({"deals": DEALS + "1,A,a lot,Closed Won,,\n"}, "deals.csv, row 2: Amount is 'a lot', which is no number"),
        ({"deals": DEALS + '1,A,"1,2,3",Closed Won,,\n'}, "Amount is '1,2,3', which is no number"),
        ({"deals": DEALS + "1,A,5k,Closed Won,,\n"}, "Amount is '5k', which is no number"),
        (
            {"deals": DEALS + "1,A,5,Closed Won,,03/04/2026\n"},
            "Close Date is '03/04/2026', which can be read as day",
        ),
        ({"deals": DEALS + "1,A,5,Closed Won,,31/13/2026\n"}, "Close Date is '31/13/2026', which is no day of the"),
        (
            {"deals": DEALS + "1,A,5,Closed Won,,next May\n"},
            "Close Date is 'next May', which is no date that can",
        ),
        ({"deals": "Record ID,Deal Name,dealname,Amount,Deal Stage\n"}, "the columns dealname and Deal Name are both"),
        ({"contacts": f"id,email\n{'9' * 5_000},a\n"}, "is no id"),
        ({"contacts": f"id,createdate\n1,{'9' * 5_000}\n"}, "neither ISO 8601 with a zone nor epoch milliseconds"),
        ({"contacts": "id,createdate\n1,--5\n"}, "neither ISO 8601 with a zone nor epoch milliseconds"),
        ({"contacts": "id\n1\n", "pipelines": {"results": [{"id": 1, "label": 2, "stages": [3]}]}}, "pipelines.json"),
    ],
)
def test_what_can_t_be_read_with_certainty_is_refused(tmp_path: Path, files: dict[str, str], message: str):
    write(tmp_path, **files)
    assert message in _refusal(tmp_path)


def test_recorded_answers_of_another_shape_are_refused(tmp_path: Path):
    for folder, content in (("objects", '{"body": {"results": []}}'), ("owners", "[1]"), ("account", "[]")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "deals.json").write_text(content)
    assert "deals.json: an object was expected" in _refusal(tmp_path)


def test_an_amount_of_a_million_digits_costs_no_time(start, tmp_path: Path):
    write(tmp_path, deals="id,dealname,amount\n1,A,1e999999999\n")
    assert "amount_in_home_currency" not in loaded(start, tmp_path).control.export().live("deals")["1"].properties
