"""The pages in Chromium: what a person clicks, from the sign-in link to the disconnect."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy import text

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import ConnectResponse, connect
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.stored_portal import StoredPortal

pytestmark = pytest.mark.browser

# The pages look for news every three seconds.
NEWS_MS = 10_000


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=900, companies=3, deals=4, limits=False)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    yield running_sandbox
    running_sandbox.control.clear_faults()
    running_sandbox.control.set_switches(refusal_redirects=False)


@pytest.fixture
def installation(database: Database, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Installation]:
    settings = settings_for(sandbox, tmp_path, public_url=f"http://localhost:{free_port(0)}")
    installation = Installation(settings, database)
    with WebService(installation):
        yield installation


@pytest.fixture
def page(chromium: Browser, installation: Installation) -> Iterator[Page]:
    """A page of somebody who is not signed in yet."""
    with_complaints: list[str] = []
    page = _new_page(chromium, installation, with_complaints)
    yield page
    page.context.close()
    assert with_complaints == []


@pytest.fixture
def another_page(chromium: Browser, installation: Installation) -> Iterator[Page]:
    """A page in the browser of another person, who has no session here."""
    with_complaints: list[str] = []
    page = _new_page(chromium, installation, with_complaints)
    yield page
    page.context.close()
    assert with_complaints == []


def _new_page(chromium: Browser, installation: Installation, complaints: list[str]) -> Page:
    """Open a page in a browser of its own, and note the errors in our own pages' scripts, files and policy."""

    def note(message: ConsoleMessage) -> None:
        # A page that says what went wrong has a status that says so too.
        expected = re.search(r"status of 40[01] ", message.text)
        if message.type == "error" and message.location["url"].startswith(ours) and not expected:
            complaints.append(message.text)

    ours = installation.settings.public_url
    page = chromium.new_context().new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", note)
    return page


def _sign_in(page: Page, installation: Installation) -> None:
    page.goto(make_sign_in_link(installation.database, installation.settings.public_url))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Connectors", exact=True).click()


def _ask_for_a_link(page: Page, installation: Installation) -> None:
    """Sign in, and press the button that makes a link for the only mind."""
    create_mind(installation.database, local_caller(installation.database), "Acme")
    _sign_in(page, installation)
    page.get_by_role("button", name="Connect HubSpot").click()


def _connect(installation: Installation) -> ConnectResponse:
    caller = local_caller(installation.database)
    create_mind(installation.database, caller, "Acme")
    return connect(installation.database, installation.settings, caller, callback_listening=True)


def _heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def test_a_portal_is_connected_and_disconnected_by_clicks(installation, page):
    create_mind(installation.database, local_caller(installation.database), "Acme")
    _sign_in(page, installation)
    expect(page.get_by_text("No portal is connected yet")).to_be_visible()

    page.get_by_role("button", name="Connect HubSpot").click()
    page.get_by_role("link", name="Open HubSpot to approve").click()
    page.get_by_role("button", name="Approve").click()
    _heading(page, "HubSpot is connected")

    page.get_by_role("link", name="Coppermind").click()
    _heading(page, "Nothing needs you")
    page.get_by_role("link", name="Connectors", exact=True).click()
    expect(page.get_by_text("Reading the CRM history")).to_be_visible()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("Disconnect …").click()
    page.get_by_role("button", name="Disconnect acme-hubspot-").click()
    expect(page.get_by_text("the token is revoked at HubSpot")).to_be_visible()
    expect(page.get_by_text("Connected Apps")).to_be_visible()
    page.get_by_role("link", name="Back to the connectors").click()
    expect(page.get_by_text("Disconnected")).to_be_visible()
    expect(page.get_by_role("button", name="Sync now")).to_have_count(0)


@pytest.mark.slow
def test_a_disconnect_without_hubspot_says_what_was_not_done(installation, page, sandbox):
    page.goto(_connect(installation).auth_url)
    page.get_by_role("button", name="Approve").click()
    sandbox.control.add_fault(Fault(path="/revoke", action="drop", count=None))
    _sign_in(page, installation)
    page.get_by_text("Disconnect …").click()
    page.get_by_role("button", name="Disconnect acme-hubspot-").click()
    expect(page.get_by_text("the token is not revoked at HubSpot")).to_be_visible()
    expect(page.get_by_text("The credentials are erased")).to_be_visible()


def test_a_refusal_that_hubspot_sends_back_says_who_may_approve(installation, page, sandbox):
    sandbox.control.set_switches(refusal_redirects=True)
    page.goto(_connect(installation).auth_url)
    page.get_by_role("button", name="Deny").click()
    _heading(page, "The approval was refused")
    expect(page.get_by_text("allowed to install apps")).to_be_visible()


@pytest.mark.slow
def test_silence_ends_with_an_expired_link_and_a_fresh_one(installation, page):
    _ask_for_a_link(page, installation)
    page.get_by_role("link", name="Open HubSpot to approve").click()
    page.get_by_role("button", name="Deny").click()
    _heading(page, "The app was not connected")  # HubSpot's own page; nothing comes back to us

    page.goto(f"{installation.settings.public_url}/connectors")
    expect(page.get_by_text("Waiting for the approval")).to_be_visible()
    with installation.database.administrator() as connection:
        connection.execute(text("UPDATE coppermind.oauth_states SET expires_at = now() - interval '1 second'"))
    expect(page.get_by_text("Set-up failed")).to_be_visible(timeout=NEWS_MS)
    expect(page.get_by_text("expired").first).to_be_visible()
    page.get_by_role("button", name="Get a fresh link").click()
    page.get_by_role("link", name="Open HubSpot to approve").click()
    page.get_by_role("button", name="Approve").click()
    _heading(page, "HubSpot is connected")


def test_an_approval_of_an_expired_link_says_so(installation, page):
    page.goto(_connect(installation).auth_url)
    with installation.database.administrator() as connection:
        connection.execute(text("UPDATE coppermind.oauth_states SET expires_at = now() - interval '1 second'"))
    page.get_by_role("button", name="Approve").click()
    _heading(page, "This link has expired")


def test_a_callback_that_is_loaded_again_changes_nothing(installation, page):
    page.goto(_connect(installation).auth_url)
    page.get_by_role("button", name="Approve").click()
    _heading(page, "HubSpot is connected")
    page.reload()
    _heading(page, "This link was used already")
    expect(page.get_by_text("Nothing changed")).to_be_visible()
    with installation.database.reader() as connection:
        assert connection.scalar(text("SELECT status FROM connectors")) == "active"


def test_a_forged_state_connects_nothing(installation, page):
    _connect(installation)
    page.goto(f"{installation.settings.redirect_uri}?code=made-up&state=forged")
    _heading(page, "We don't know this link")
    expect(page.get_by_text("made-up")).to_have_count(0)
    with installation.database.reader() as connection:
        assert connection.scalar(text("SELECT status FROM connectors")) == "pending_setup"


@pytest.mark.slow
def test_somebody_else_approves_in_another_browser(installation, page, another_page):
    _ask_for_a_link(page, installation)
    link = page.locator("pre code").inner_text()
    page.get_by_role("link", name="Back to the connectors").click()
    expect(page.get_by_text("Waiting for the approval")).to_be_visible()

    another_page.goto(link)
    another_page.get_by_role("button", name="Approve").click()
    _heading(another_page, "HubSpot is connected")
    another_page.goto(installation.settings.public_url)
    expect(another_page.get_by_text("You are not signed in")).to_be_visible()

    # The first one's page finds out by itself, and offers what can be done now.
    expect(page.get_by_text("Reading the CRM history")).to_be_visible(timeout=NEWS_MS)
    expect(page.get_by_role("button", name="Sync now")).to_be_visible(timeout=NEWS_MS)
    expect(page.get_by_role("button", name="Get a fresh link")).to_have_count(0)


@pytest.mark.slow
def test_a_page_whose_session_has_ended_says_so_by_itself(installation, database, local_customer, page):
    StoredPortal.create(database, local_customer)
    _sign_in(page, installation)
    expect(page.get_by_role("button", name="Sync now")).to_be_visible()
    page.context.clear_cookies()
    expect(page.get_by_text("You are not signed in")).to_be_visible(timeout=NEWS_MS)


def _one_page_of_the_backfill(connected: Connected) -> None:
    """Let a backfill store its next pages and end; a slice always makes some headway."""
    # Playwright's own event loop runs in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, connected.pull(time_is_up=lambda: True)).result()


@pytest.mark.slow
def test_a_running_backfill_moves_by_itself(installation, page):
    made = _connect(installation)
    page.goto(made.auth_url)
    page.get_by_role("button", name="Approve").click()
    connected = Connected(installation.database, installation.settings, made.connector_id)
    _sign_in(page, installation)
    page.get_by_text("Disconnect …").click()
    bar = page.get_by_role("progressbar", name="Contacts")
    shown = []
    for _ in range(3):
        before = bar.get_attribute("value") if bar.count() else None
        _one_page_of_the_backfill(connected)
        if before is not None:
            expect(bar).not_to_have_attribute("value", before, timeout=NEWS_MS)
        else:
            expect(bar).to_be_visible(timeout=NEWS_MS)
        shown.append(int(bar.get_attribute("value") or 0))
    assert shown == sorted(set(shown))
    # What a person has opened stays open.
    expect(page.get_by_role("button", name=f"Disconnect {made.connector_id}")).to_be_visible()


def test_a_report_is_asked_for_by_the_form_and_by_links(installation, database, local_customer, page):
    closed = datetime(2026, 10, 20, 15, tzinfo=UTC)
    portal = StoredPortal.create(database, local_customer)
    for number in range(40):
        portal.deal(str(number), name=f"Deal number {number}", outcome="won", stage_id="closedwon", close_at=closed,
                    amount="100", currency="USD", amount_home="100", attributed_source="PAID_SEARCH",
                    owner_id="11")  # fmt: skip
    _sign_in(page, installation)
    page.get_by_role("main").get_by_role("link", name="CRM report").click()
    page.get_by_label("Start").fill("2026-10-01")
    page.get_by_label("End, not included").fill("2026-11-01")
    page.get_by_label("Groups").select_option(label="By owner")
    page.get_by_role("button", name="Show").click()
    _heading(page, "acme CRM report, 1 October 2026 to 31 October 2026")
    expect(page.get_by_role("table", name="Closed won by owner").get_by_text("$4,000")).to_be_visible()
    expect(page.get_by_role("table", name="Deals won and lost by owner").get_by_text("40 won, 0 lost")).to_be_visible()
    expect(page.get_by_label("Groups")).to_have_value("owner")

    page.get_by_role("link", name="More deals").click()
    expect(page.get_by_text("Deals 17 to 32 of 40")).to_be_visible()
    page.get_by_role("link", name="Newer deals").click()
    expect(page.get_by_text("Deals 1 to 16 of 40")).to_be_visible()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="CSV").click()
    assert downloaded.value.suggested_filename == "crm-report-acme-2026-10-01-2026-10-31.csv"
    assert len(downloaded.value.path().read_text().splitlines()) == 1 + 40

    page.get_by_label("End, not included").fill("")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("a range takes both")
    expect(page.get_by_label("Start")).to_have_value("2026-10-01")


def test_a_chart_has_its_colours_although_the_policy_allows_no_styles(installation, database, local_customer, page):
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", outcome="won", stage_id="closedwon", close_at=datetime.now(UTC), amount="100", currency="USD")
    _sign_in(page, installation)
    page.goto(f"{installation.settings.public_url}/reports?period=this_year")
    bar = page.locator("figure rect").first
    assert bar.evaluate("bar => getComputedStyle(bar).fill") == "rgb(164, 86, 42)"
    page.emulate_media(color_scheme="dark")
    assert bar.evaluate("bar => getComputedStyle(bar).fill") == "rgb(217, 139, 95)"


@pytest.mark.parametrize("width_px", [320, 390, 1100])
def test_the_pages_fit_any_screen(installation, database, local_customer, page, width_px):
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", name="Nameless" * 30, outcome="won", stage_id="closedwon", close_at=datetime.now(UTC),
                amount="123456789", currency="USD", attributed_source="PAID_SEARCH")  # fmt: skip
    page.set_viewport_size({"width": width_px, "height": 800})
    _sign_in(page, installation)
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    page.get_by_role("button", name="Connect HubSpot").click()
    _heading(page, "Approve in HubSpot")
    page.wait_for_load_state()  # a click ends with the new page's first words, which may come before its style sheet
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    page.goto(f"{installation.settings.public_url}/reports?period=this_year")
    expect(page.locator("figure")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px


@pytest.mark.slow
@pytest.mark.parametrize("width_px", [794 - 113, 816 - 113])  # A4 and Letter, less the margins
def test_a_printed_report_has_everything_that_is_folded_away_and_nothing_to_click(
    installation, database, local_customer, page, width_px
):
    portal = StoredPortal.create(database, local_customer)
    for number in range(12):
        portal.deal(str(number), name=f"Überseehafen {number} " * 4, outcome="won", close_at=datetime.now(UTC),
                    amount=f"12345678{number}.55", currency=("USD", "EUR", "CHF")[number % 3], owner_id="11",
                    attributed_source=f"SOURCE_{number}")  # fmt: skip
    page.set_viewport_size({"width": width_px, "height": 1000})
    _sign_in(page, installation)
    page.goto(f"{installation.settings.public_url}/reports?period=this_year&compare_to=previous_year")
    page.emulate_media(media="print")
    for name in ("Pages", "Files"):
        expect(page.get_by_role("navigation", name=name)).to_be_hidden()
    expect(page.get_by_role("form", name="What to report")).to_be_hidden()
    folded = page.locator(".crm-report details")
    assert folded.count() >= 4
    for place in range(folded.count()):
        expect(folded.nth(place).locator("th, dd").last).to_be_visible()
    assert page.locator("thead").first.evaluate("it => getComputedStyle(it).display") == "table-header-group"
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    too_wide = "[...document.querySelectorAll('.crm-report *')].filter(it => it.scrollWidth > it.clientWidth + 1 && it.clientWidth > 1 && getComputedStyle(it).overflowX != 'visible').length"  # noqa: E501
    assert page.evaluate(too_wide) == 0
    paper = page.pdf(format="A4" if width_px < 700 else "Letter")
    assert paper.startswith(b"%PDF")
