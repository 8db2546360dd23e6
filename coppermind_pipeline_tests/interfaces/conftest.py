import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from typer.testing import CliRunner, Result

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.app import app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class CommandLine:
    """The command line, run in this process against the test's own installation."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def __call__(self, *arguments: str) -> Result:
        output.console.cache_clear()
        output.error_console.cache_clear()
        result = self._runner.invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


@pytest.fixture
def installation_home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's directory; the environment names it and the test's database."""
    monkeypatch.setenv("COPPERMIND_HOME", str(tmp_path))
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", database_url)
    return tmp_path


@pytest.fixture
def coppermind(installation_home: Path) -> CommandLine:
    return CommandLine()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
