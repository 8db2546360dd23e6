"""Settings: which addresses HubSpot may redirect to, and what is said about the others."""

import pytest

from coppermind_pipeline.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("url", "redirect_uri"),
    [
        ("http://localhost:8480", "http://localhost:8480/oauth/hubspot/callback"),
        ("http://localhost:8480/", "http://localhost:8480/oauth/hubspot/callback"),
        ("http://localhost", "http://localhost/oauth/hubspot/callback"),
        ("https://connect.example.com", "https://connect.example.com/oauth/hubspot/callback"),
        ("HTTPS://Connect.Example.com:8443", "https://connect.example.com:8443/oauth/hubspot/callback"),
    ],
)
def test_the_redirect_uri_is_one_exact_address(monkeypatch, url, redirect_uri):
    monkeypatch.setenv("COPPERMIND_PUBLIC_URL", url)
    assert Settings.from_environment().redirect_uri == redirect_uri


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com", "must be https with a host, or http with the host localhost"),
        ("http://127.0.0.1:8480", "must be https with a host, or http with the host localhost"),
        ("http://localhost.example.com", "must be https with a host, or http with the host localhost"),
        ("ftp://localhost", "must be https"),
        ("localhost:8480", "must be https"),
        ("https://", "must be https with a host"),
        ("https://example.com/coppermind", "such as https://example.com"),
        ("https://example.com?x=1", "such as https://example.com"),
        ("https://somebody@example.com", "such as https://example.com"),
        ("http://localhost:99999", "out of range"),
        ("http://localhost:http", "Port could not be cast"),
    ],
)
def test_an_address_that_hubspot_or_the_pages_could_not_use_is_refused(monkeypatch, url, said):
    monkeypatch.setenv("COPPERMIND_PUBLIC_URL", url)
    with pytest.raises(SettingsError, match="COPPERMIND_PUBLIC_URL: ") as refused:
        Settings.from_environment()
    assert said in refused.value.message


def test_without_a_setting_it_is_this_machine(monkeypatch):
    monkeypatch.delenv("COPPERMIND_PUBLIC_URL", raising=False)
    assert Settings.from_environment().redirect_uri == "http://localhost:8480/oauth/hubspot/callback"


@pytest.mark.parametrize("name", ["COPPERMIND_HUBSPOT_API_URL", "COPPERMIND_HUBSPOT_AUTHORIZE_URL"])
def test_hubspot_is_called_by_https_unless_it_is_this_machine(monkeypatch, name):
    for url in (
        "http://api.hubapi.com",
        "http://localhost.example.com",
        "http://10.0.0.1:80",
        "http://127.0.0.1.nip.io",
    ):
        monkeypatch.setenv(name, url)
        with pytest.raises(SettingsError, match=f"{name}: .* must be https; plain http is for this machine alone"):
            Settings.from_environment()
    for url in ("https://api.hubapi.com", "http://127.0.0.1:8490", "http://[::1]:8490", "http://localhost:8490/oauth"):
        monkeypatch.setenv(name, url)
        assert url in {Settings.from_environment().hubspot_api_url, Settings.from_environment().hubspot_authorize_url}


def test_a_relative_home_is_one_of_the_directory_that_the_command_was_called_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COPPERMIND_HOME", "here")
    assert Settings.from_environment().home == tmp_path / "here"
