"""The files that a HubSpot app is made from ask for what the code asks for; HubSpot refuses a link that differs."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from coppermind_pipeline.hubspot import authorize_url
from coppermind_pipeline.settings import Settings

PROJECT = Path(__file__).parents[1] / "hubspot-app"


def test_the_apps_scopes_and_redirect_url_are_those_of_the_link(monkeypatch):
    monkeypatch.delenv("COPPERMIND_PUBLIC_URL", raising=False)
    project = json.loads((PROJECT / "hsproject.json").read_text())
    app = json.loads((PROJECT / project["srcDir"] / "app" / "app-hsmeta.json").read_text())
    redirect_uri = Settings.from_environment().redirect_uri
    url = authorize_url("https://app.hubspot.com/oauth/authorize", client_id="i", redirect_uri=redirect_uri, state="s")
    auth = app["config"]["auth"]
    assert (app["type"], app["config"]["distribution"], auth["type"]) == ("app", "private", "oauth")
    assert auth["requiredScopes"] == parse_qs(urlsplit(url).query)["scope"][0].split(" ")
    assert auth["redirectUrls"] == [redirect_uri]
    # An optional scope under `scope` would be a mismatch, and none is asked for otherwise.
    assert auth["optionalScopes"] == auth["conditionallyRequiredScopes"] == []
