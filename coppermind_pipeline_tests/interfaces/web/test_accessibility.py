"""axe-core finds nothing to say about any page, in either colour scheme, nor about a report that is sent on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link
from coppermind_pipeline.reports import ReportFormat, ReportRequest, crm_report, render
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)
_REPORT = "mind=acme&start=2026-10-01&end=2027-01-01&compare_to=previous_year"


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(
        home=tmp_path, public_url=f"http://localhost:{free_port(0)}", hubspot_client_id="app",
        hubspot_client_secret=SecretStr("secret"),
    )  # fmt: skip
    with WebService(Installation(settings, database)):
        yield settings


@pytest.fixture(params=["light", "dark"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = chromium.new_context(color_scheme=request.param).new_page()
    yield page
    page.context.close()


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    """Deals of two currencies and years, won, lost and open, so that a report has everything that it can have."""
    portal = StoredPortal.create(database, local_customer)
    for number, (outcome, currency) in enumerate((("won", "USD"), ("won", "EUR"), ("lost", "USD"), ("open", "USD"))):
        for year in (2025, 2026):
            portal.deal(f"{number}{year}", outcome=outcome, stage_id=f"closed{outcome}", amount=1000 + number,
                        currency=currency, close_at=_CLOSED.replace(year=year), place_country_code="DE",
                        attributed_source="PAID_SEARCH", loss_reason="Price")  # fmt: skip
    return portal


def _found(page: Page) -> list[str]:
    """Return what axe-core objects to, with all that a page folds away unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    said = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in said for node in each["nodes"]]


def test_every_page_is_for_everyone(page: Page, service: Settings, database: Database, portal: StoredPortal) -> None:
    page.goto(service.public_url)
    expect(page.get_by_text("You are not signed in")).to_be_visible()
    found = {"not signed in": _found(page)}
    page.goto(make_sign_in_link(database, service.public_url))
    found["signing in"] = _found(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="acme")).to_be_visible()
    found["minds"] = _found(page)
    page.get_by_role("link", name="Connectors", exact=True).click()
    expect(page.get_by_role("button", name="Sync now")).to_be_visible()
    found["connectors"] = _found(page)
    page.get_by_role("button", name="Connect HubSpot").click()
    expect(page.get_by_role("heading", name="Approve in HubSpot")).to_be_visible()
    found["a link"] = _found(page)
    for query in (_REPORT, f"{_REPORT}&group_by=", "period=someday"):
        page.goto(f"{service.public_url}/reports?{query}")
        found[query] = _found(page)
    for path in ("/brief?mind=acme&period=2026-Q4", "/nothing", "/oauth/hubspot/callback?state=forged&code=1"):
        page.goto(f"{service.public_url}{path}")
        found[path] = _found(page)
    assert {name: said for name, said in found.items() if said} == {}


def test_a_report_that_is_sent_on_is_too(page: Page, database: Database, portal: StoredPortal, tmp_path: Path) -> None:
    asked = ReportRequest.from_arguments({"start": "2026-10-01", "end": "2027-01-01", "group_by": "source",
                                          "detail": True, "compare_to": "previous_year"})  # fmt: skip
    mind = resolve_mind(database, local_caller(database), "acme")
    made = crm_report(database, mind=mind, request=asked, now=datetime.now(UTC), panoramic=True)
    file = tmp_path / "report.html"
    file.write_text(render(made, ReportFormat.HTML), encoding="utf-8")
    page.goto(file.as_uri())
    assert _found(page) == []
