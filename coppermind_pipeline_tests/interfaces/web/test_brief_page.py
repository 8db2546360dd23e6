"""The brief as it is handed over: one sheet of paper whatever is in it, and a page for everyone."""

import html
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from coppermind_pipeline.accounts import Mind, MindKind, create_customer
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web import create_app
from coppermind_pipeline.reports import BriefRequest, brief, brief_html
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import sign_in
from coppermind_pipeline_tests.reports.briefed import fill, follow
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_PAGE = re.compile(rb"/Type\s*/Page\b")
_LONG = "International Consolidated Widget Manufacturing and Trading Holdings of the Northern Hemisphere"
_PHONE_PX = 390

_DATA: Mapping[str, dict[str, Any] | None] = {
    "nothing": None,
    "one currency": {"currencies": ("USD",)},
    "three currencies": {"currencies": ("USD", "EUR", "CHF")},
    "five currencies": {"currencies": ("USD", "EUR", "CHF", "JPY", "GBP"), "deals": 300},
    "forty sources": {"sources": [f"A_SOURCE_{number}_{_LONG}" for number in range(40)], "deals": 300},
}


@pytest.mark.browser
@pytest.mark.slow
def test_a_brief_prints_to_one_sheet_and_is_for_everyone(
    database: Database, local_customer: UUID, chromium: Browser, tmp_path: Path
):
    found: dict[str, object] = {}
    for number, (name, data) in enumerate(_DATA.items()):
        portal = StoredPortal.create(database, local_customer, mind=f"mind-{number}", hub_id=number + 1)
        if data is not None:
            follow(portal)
            fill(portal, **data)
        file = tmp_path / f"{number}.html"
        file.write_text(_made(database, portal, local_customer), encoding="utf-8")
        for scheme in ("light", "dark"):
            page = chromium.new_context(color_scheme=scheme, viewport={"width": _PHONE_PX, "height": 800}).new_page()
            page.goto(file.as_uri())
            said = [each["id"] for each in Axe().run(page).response["violations"]]
            if said or page.evaluate("document.documentElement.scrollWidth") > _PHONE_PX:
                found[f"{name}, {scheme}"] = said
            for paper in ("A4", "Letter") if scheme == "light" else ():
                sheets = len(_PAGE.findall(page.pdf(format=paper)))
                if sheets != 1:
                    found[f"{name}, {paper}"] = sheets
            page.context.close()
    assert found == {}


def _made(database: Database, portal: StoredPortal, customer: UUID) -> str:
    mind = Mind(id=portal.mind_id, customer_id=customer, name=_LONG, slug="acme", kind=MindKind.CLIENT, company_info={})
    asked = BriefRequest.from_arguments({"period": "this_year", "agency": "Northwind Growth and Partners Limited"})
    return brief_html(brief(database, mind=mind, request=asked, now=NOW + timedelta(days=5)))


@pytest.fixture
def browser(database: Database, tmp_path: Path) -> Iterator[TestClient]:
    """Somebody who is signed in."""
    settings = Settings(home=tmp_path)
    with TestClient(create_app(Installation(settings, database)), base_url=settings.public_url) as client:
        assert sign_in(client, database) == 200
        yield client


def test_the_page_has_the_brief_a_form_and_files(database: Database, local_customer: UUID, browser: TestClient):
    fill(StoredPortal.create(database, local_customer))
    page = browser.get("/brief?period=2026-Q3&agency=Northwind&compare_to=previous_year").text
    assert "1 July 2026 to 30 September 2026" in page
    assert "Before: 1 July 2025 to 30 September 2025, the year before" in page
    assert 'name="agency" maxlength="80" value="Northwind"' in page
    files = {html.unescape(each) for each in re.findall(r'href="(/brief\?[^"]+format=[^"]+)"', page)}
    assert len(files) == 2
    for address in files:
        answer = browser.get(address)
        assert re.search(r'="brief-acme-2026-07-01-2026-09-30\.(html|md)"', answer.headers["content-disposition"])
        assert "Northwind" in answer.text


def test_what_cannot_be_used_and_who_may_not_look(database: Database, local_customer: UUID, browser: TestClient):
    assert "client's mind created" in html.unescape(browser.get("/brief").text)
    StoredPortal.create(database, local_customer)
    StoredPortal.create(database, create_customer(database, "Agency").id, mind="theirs", hub_id=9)
    for query, said in (("period=someday", "is not a period"), ("mind=theirs", "There is no mind"),
                        ("format=pdf", "takes json, markdown, html")):  # fmt: skip
        page = browser.get(f"/brief?{query}")
        assert page.status_code == 400
        assert said in html.unescape(page.text)
    browser.cookies.clear()
    assert browser.get("/brief").status_code == 401
