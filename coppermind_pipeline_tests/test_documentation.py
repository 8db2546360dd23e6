"""The documentation tells of what is there: each state, command, setting and configuration key."""

import re
from pathlib import Path

import pytest
import typer

from coppermind_pipeline.connectors import AT_WORK, STATE_GUIDES, ConnectorConfig
from coppermind_pipeline.definitions import defs
from coppermind_pipeline.interfaces.cli.app import app
from coppermind_pipeline.settings import Settings

_DOCS = Path(__file__).parents[1] / "docs"


def test_the_runbook_names_the_states_that_alert_nobody():
    quiet = ", ".join(f"`{state}`" for state in STATE_GUIDES if state in AT_WORK)
    assert f"every state but {quiet}" in " ".join((_DOCS / "runbook.md").read_text().split())


def test_the_runbook_has_each_setting():
    runbook = (_DOCS / "runbook.md").read_text()
    assert [name for name in Settings.model_fields if f"`COPPERMIND_{name.upper()}`" not in runbook] == []


def test_the_user_guide_has_each_configuration_key():
    guide = (_DOCS / "user-guide.md").read_text()
    assert [key for key in ConnectorConfig.model_fields if f"`{key}`" not in guide] == []


def test_the_runbook_has_each_sensor_and_check():
    runbook = (_DOCS / "runbook.md").read_text()
    names = [sensor.name for sensor in defs.sensors or []]
    names += [key.name for key in defs.resolve_asset_graph().asset_check_keys]
    assert [name for name in names if f"`{name}`" not in runbook] == []


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).list_commands(None)))  # pyright: ignore
def test_each_command_is_documented(command: str):
    documents = [*_DOCS.glob("*.md"), _DOCS.parent / "README.md"]
    assert any(f"coppermind {command}" in document.read_text() for document in documents)


@pytest.mark.parametrize(
    "document", [*_DOCS.rglob("*.md"), *_DOCS.parent.glob("*.md")], ids=lambda document: document.name
)
def test_each_link_within_the_documents_leads_somewhere(document: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text())
    assert [link for link in links if not _leads_somewhere(document, *link)] == []


def _leads_somewhere(document: Path, file: str, heading: str) -> bool:
    target = document.parent / file if file else document
    return target.exists() and (not heading or heading in _headings(target))


def _headings(document: Path) -> set[str]:
    """Return a document's headings as links name them."""
    found = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_each_file_that_a_page_names_is_there():
    root = _DOCS.parent
    named = {
        (page.name, path)
        for page in [*root.glob("*.md"), *_DOCS.rglob("*.md")]
        for path in re.findall(r"`([a-z_]+(?:/[a-z_0-9-]+)+(?:\.[a-z]+)?)/?`", page.read_text())
    }
    assert named
    places = (root, root / "coppermind_pipeline", root / "coppermind_pipeline_tests")
    assert sorted(name for name in named if not any((place / name[1]).exists() for place in places)) == []
