"""The runbook as a page: what a red check, an alert and a state lead to is there, and leads on to what is there."""

import re
from pathlib import Path

from starlette.testclient import TestClient

from coppermind_pipeline.connectors import STATE_GUIDES, Condition
from coppermind_pipeline.defs.health import fleet
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.app import create_app
from coppermind_pipeline.interfaces.web.observability.figures import registry_of
from coppermind_pipeline.interfaces.web.observability.runbook_page import runbook
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import sign_in

_ANCHORS = set(re.findall(r'id="([^"]+)"', runbook()))


def test_each_check_each_state_and_where_alerts_lead_has_an_entry():
    assert {*Condition, fleet.CHECK, *STATE_GUIDES, "states"} - _ANCHORS == set()


def test_no_link_leads_nowhere():
    links = re.findall(r'href="([^"]+)"', runbook())
    assert links
    assert [link for link in links if link.removeprefix("#") not in _ANCHORS and not link.startswith("https://")] == []


def test_each_metric_is_told_of(database: Database, tmp_path: Path):
    names = {metric.name for metric in registry_of(database, Settings(home=tmp_path)).collect()}
    assert [name for name in names if name not in runbook()] == []


def test_it_is_there_for_whoever_sees_a_red_check_and_is_signed_in(database: Database, tmp_path: Path):
    settings = Settings(home=tmp_path)
    with TestClient(create_app(Installation(settings, database)), base_url=settings.public_url) as browser:
        sign_in(browser, database)
        answer = browser.get(settings.runbook_url("authorized"))
    assert answer.status_code == 200
    assert '<h3 id="authorized">' in answer.text
    assert "&lt;" not in re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", answer.text, flags=re.DOTALL)
