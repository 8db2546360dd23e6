"""The pages in Chromium: what a person clicks, from the sign-in link to the disconnect."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright
from pydantic import SecretStr

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    with RunningSandbox(SandboxConfig(contacts=5, companies=3, deals=4)) as sandbox:
        settings = Settings(
            home=tmp_path,
            public_url=f"http://localhost:{free_port(0)}",
            hubspot_client_id=sandbox.client_id,
            hubspot_client_secret=SecretStr(sandbox.client_secret),
            hubspot_api_url=sandbox.url,
            hubspot_authorize_url=sandbox.authorize_url,
        )
        installation = Installation(settings, database)
        with WebService(installation):
            yield installation


@pytest.fixture
def page(installation: Installation) -> Iterator[Page]:
    """A page of a new browser; an error in our own pages' scripts, files or policy fails the test."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    ours = installation.settings.public_url
    complaints: list[str] = []

    def _is_our_error(message: ConsoleMessage) -> bool:
        return message.type == "error" and message.location["url"].startswith(ours)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if _is_our_error(message) else None)
        yield page
        browser.close()
    assert complaints == []


def _sign_in(page: Page, installation: Installation) -> None:
    page.goto(make_sign_in_link(installation.settings.home, installation.settings.public_url))


def test_a_portal_is_connected_and_disconnected_by_clicks(installation, page):
    create_mind(installation.database, local_caller(installation.database), "Acme")
    _sign_in(page, installation)
    expect(page.get_by_text("No portal is connected yet")).to_be_visible()

    page.get_by_role("button", name="Connect HubSpot").click()
    page.get_by_role("link", name="Open HubSpot to approve").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="HubSpot is connected")).to_be_visible()

    page.get_by_role("link", name="Coppermind").click()
    expect(page.get_by_text("Reading the CRM history")).to_be_visible()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("Disconnect …").click()
    page.get_by_role("button", name="Disconnect acme-hubspot-").click()
    expect(page.get_by_text("Memories").first).to_be_visible()
    page.get_by_role("link", name="Back to the connectors").click()
    expect(page.get_by_text("Disconnected")).to_be_visible()
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)


def test_a_running_backfill_moves_by_itself(installation, database, local_customer, page):
    portal = StoredPortal.create(database, local_customer)
    portal.execute("""UPDATE hubspot_backfills SET completed_at = NULL, totals = '{"contacts": 4000}'
                       WHERE connector_id = :connector""")
    portal.execute("""INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, records)
                      SELECT id, mind_id, 'contacts', 'backfill', 1000 FROM connectors""")
    _sign_in(page, installation)
    expect(page.get_by_text("1,000 of 4,000")).to_be_visible()
    page.get_by_text("Disconnect …").click()
    portal.execute("UPDATE hubspot_cursors SET records = 2500 WHERE connector_id = :connector")
    expect(page.get_by_text("2,500 of 4,000")).to_be_visible(timeout=10_000)
    expect(page.get_by_role("progressbar", name="Contacts")).to_have_attribute("value", "2500")
    # What a person has opened stays open.
    expect(page.get_by_role("button", name="Disconnect acme-hubspot-0007")).to_be_visible()


@pytest.mark.parametrize("width_px", [320, 390, 1100])
def test_the_pages_fit_any_screen(installation, database, local_customer, page, width_px):
    StoredPortal.create(database, local_customer)
    page.set_viewport_size({"width": width_px, "height": 800})
    _sign_in(page, installation)
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    page.get_by_role("button", name="Connect HubSpot").click()
    expect(page.get_by_role("heading", name="Approve in HubSpot")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
