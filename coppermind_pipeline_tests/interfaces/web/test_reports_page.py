"""The CRM report's page: the report behind its trust block, a form that its address fills in, and the same as files."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from coppermind_pipeline.accounts import create_customer, local_caller, resolve_mind
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import create_app
from coppermind_pipeline.reports import ReportRequest, crm_report
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import sign_in
from coppermind_pipeline_tests.stored_portal import StoredPortal

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)
_Q4 = "start=2026-10-01&end=2027-01-01"


@pytest.fixture
def portal(database: Database, local_customer) -> StoredPortal:
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", name="Rocket fuel", outcome="won", stage_id="closedwon", close_at=_CLOSED, amount="3000",
                currency="USD", amount_home="3000", attributed_source="PAID_SEARCH", owner_id="11")  # fmt: skip
    portal.deal("2", outcome="lost", stage_id="closedlost", close_at=_CLOSED, attributed_source="ORGANIC_SEARCH")
    return portal


@pytest.fixture
def browser(database: Database, tmp_path: Path) -> Iterator[TestClient]:
    """Somebody who is signed in."""
    settings = Settings(home=tmp_path)
    with TestClient(create_app(Installation(settings, database)), base_url=settings.public_url) as client:
        assert sign_in(client, database) == 200
        yield client


def _words(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.rsplit("<main>", maxsplit=1)[-1])))


def _chosen(page: str) -> dict[str, str]:
    """Return what the form's fields hold."""
    form = page.split('<form class="question"')[1].split("</form>", maxsplit=1)[0]
    selects = re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.DOTALL)
    chosen = {name: value for name, options in selects for value in re.findall(r'value="([^"]*)" selected', options)}
    return chosen | dict(re.findall(r'<input type="\w+" name="(\w+)" value="([^"]*)">', form))


def test_trust_and_caveats_come_before_headline_figures_charts_and_deals(portal: StoredPortal, browser: TestClient):
    page = browser.get(f"/reports?{_Q4}").text
    words = _words(page.replace("<article", "<main><article"))
    parts = ["Freshness", "Caveats", "Headline", "Figures", "Rates", "Closed won by month", "Win rate by month",
             "Closed won by source", "Closed won by country", "By source", "Deals won and lost by source",
             "Largest won deals", "Deals 1 to 2 of 2"]  # fmt: skip
    places = [words.index(part) for part in parts]
    assert places == sorted(places)
    assert page.count("<figure") == 6
    assert "Rocket fuel" in words


def test_the_form_holds_what_the_address_asks_for(portal: StoredPortal, browser: TestClient):
    page = browser.get("/reports?period=last_quarter&date_basis=hs_lastmodifieddate&group_by=owner").text
    assert _chosen(page) == {
        "mind": "acme", "period": "last_quarter", "start": "", "end": "", "date_basis": "hs_lastmodifieddate",
        "group_by": "owner", "compare_to": "", "outcome": "", "audience": "",
    }  # fmt: skip
    assert _chosen(browser.get("/reports").text)["period"] == "this_quarter"
    assert _chosen(browser.get("/reports?period=2026-Q4").text)["period"] == "2026-Q4"


def test_days_go_before_the_period_that_the_form_sends_with_them(portal: StoredPortal, browser: TestClient):
    page = browser.get(f"/reports?period=last_year&{_Q4}&group_by=").text
    assert "1 October 2026 to 31 December 2026" in page
    assert _chosen(page) | {"period": "", "start": "2026-10-01", "group_by": ""} == _chosen(page)
    assert "by month" in page
    assert "Deals won and lost" not in page


def test_a_report_for_the_client_names_no_deal_and_its_files_neither(portal: StoredPortal, browser: TestClient):
    page = browser.get(f"/reports?{_Q4}&audience=client&outcome=won").text
    assert {"audience": "client", "outcome": "won"}.items() <= _chosen(page).items()
    assert "Rocket fuel" not in page
    for address in re.findall(r'href="(/reports\?[^"]+format=[^"]+)"', page):
        assert "Rocket fuel" not in browser.get(html.unescape(address)).text


def test_arguments_without_a_field_of_their_own_are_kept(portal: StoredPortal, browser: TestClient):
    page = browser.get("/reports?timezone=Asia/Tokyo&include_filtered=true").text
    assert "Asia/Tokyo" in _words(page)
    assert {"timezone": "Asia/Tokyo", "include_filtered": "true"}.items() <= _chosen(page).items()
    for address in re.findall(r'href="(/reports\?[^"]+format=[^"]+)"', page):
        assert "timezone=Asia%2FTokyo" in address


def test_files_hold_the_figures_of_the_command_line(portal: StoredPortal, browser: TestClient, database: Database):
    page = browser.get(f"/reports?{_Q4}").text
    addresses = {address.rpartition("=")[2]: html.unescape(address)
                 for address in re.findall(r'href="(/reports\?[^"]+format=[^"]+)"', page)}  # fmt: skip
    assert addresses.keys() == {"json", "csv", "markdown", "html"}
    files = {format_: browser.get(address) for format_, address in addresses.items()}
    for format_, ending in (("json", "json"), ("csv", "csv"), ("markdown", "md"), ("html", "html")):
        name = f'attachment; filename="crm-report-acme-2026-10-01-2026-12-31.{ending}"'
        assert files[format_].headers["content-disposition"] == name
    mind = resolve_mind(database, local_caller(database), "acme")
    asked = ReportRequest.from_arguments({"start": "2026-10-01", "end": "2027-01-01", "group_by": "source"})
    expected = crm_report(database, mind=mind, request=asked, now=datetime.now(UTC)).model_dump(mode="json")
    made = json.loads(files["json"].text)
    assert (made["summary"], made["groups"]) == (expected["summary"], expected["groups"])
    rows = list(csv.DictReader(io.StringIO(files["csv"].content.decode("utf-8-sig"))))
    assert [row["deal_id"] for row in rows if row["part"] == "deals"] == ["1", "2"]
    assert files["markdown"].text.startswith("# acme: CRM report, 1 October 2026")
    assert files["html"].text.startswith("<!doctype html>")


def test_deals_are_turned_page_by_page_and_a_file_has_all_of_them(portal: StoredPortal, browser: TestClient):
    for number in range(10, 40):
        portal.deal(str(number), name=f"Deal number {number}", outcome="won", close_at=_CLOSED)
    address: str | None = f"/reports?{_Q4}"
    seen: list[str] = []
    while address is not None:
        page = browser.get(address).text
        seen += dict.fromkeys(re.findall(r"Deal number \d+", page.split('id="deals"')[1]))
        later = re.search(r'rel="next" href="([^"#]+)#deals"', page)
        address = html.unescape(later[1]) if later else None
    assert sorted(seen) == [f"Deal number {number}" for number in range(10, 40)]
    assert browser.get(f"/reports?{_Q4}&format=csv").text.count("acme,deals,") == 32


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("period=someday", "'someday' is not a period"),
        ("start=2026-01-01", "a range takes both"),
        ("start=01/02/2026&end=2026-03-01", "is not a date"),
        ("start=2026-03-01&end=2026-01-01", "end"),
        ("date_basis=createdate", "'closedate'"),
        ("group_by=colour", "'source'"),
        ("group_by=owner&audience=client", "not for a client; group by source"),
        ("page=0", "page:"),
        ("page=9223372036854775808", "page:"),
        ("timezone=Mars/Olympus", "not a time zone"),
        ("as_of=2001-01-01", "2001"),
        ("connector_id=nobody", "nobody"),
        ("mind=nobody", "There is no mind 'nobody'; there are: acme"),
        ("format=pdf", "Formats: json"),
        ("period=<script>alert(1)</script>", "is not a period"),
    ],
)
def test_what_cannot_be_used_is_said_above_a_form_to_try_again(
    portal: StoredPortal, browser: TestClient, query: str, said: str
):
    page = browser.get(f"/reports?{query}")
    assert page.status_code == 400
    assert said in _words(page.text)
    assert 'role="alert"' in page.text
    assert '<form class="question"' in page.text
    assert "<script" not in page.text


def test_another_customers_mind_does_not_exist(portal: StoredPortal, browser: TestClient, database: Database):
    StoredPortal.create(database, create_customer(database, "Agency").id, mind="theirs", hub_id=9)
    page = browser.get("/reports?mind=theirs")
    assert page.status_code == 400
    assert "There is no mind 'theirs'; there are: acme." in _words(page.text)


def test_without_a_mind_the_page_says_how_to_make_one(browser: TestClient):
    page = browser.get("/reports")
    assert page.status_code == 200
    assert "client's mind created" in _words(page.text)


def test_the_first_pages_lead_to_each_minds_report(portal: StoredPortal, browser: TestClient):
    for path in ("/", "/connectors"):
        assert 'href="/reports?mind=acme"' in browser.get(path).text


def test_only_signed_in_people_see_reports(portal: StoredPortal, browser: TestClient):
    browser.cookies.clear()
    for query in ("", "?format=csv", "?mind=acme&format=json"):
        page = browser.get(f"/reports{query}")
        assert page.status_code == 401
        assert "Rocket fuel" not in page.text


def test_a_page_behind_the_last_one_is_empty(portal: StoredPortal, browser: TestClient):
    page = browser.get(f"/reports?{_Q4}&page=1000000")
    assert page.status_code == 200
    assert "No deals here." in _words(page.text)
    assert "More deals" not in page.text
