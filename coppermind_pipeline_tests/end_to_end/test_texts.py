"""The texts of whole portals, read as a person would: nothing in them is a placeholder, a code, or out of date."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.memories.faults_of_texts import all_faults, faults

_CASES = Path(__file__).parents[3] / "shared/cases/portal-values"
_EVERYTHING = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
_EXPECTED = re.compile(r"is expected to close on ([0-9]{1,2} \w+ [0-9]{4})")


async def test_no_text_of_the_demo_portal_has_a_fault(database: Database, tmp_path: Path) -> None:
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=200, limits=False)) as sandbox:
        texts = await _texts(database, tmp_path, sandbox)
    assert len(texts) > 400
    assert all_faults(texts) == []
    assert _told_as_future(texts) == []


@pytest.mark.skipif(not _CASES.is_dir(), reason="the cases are not here")
async def test_small_inputs_are_told_as_a_person_would(database: Database, tmp_path: Path) -> None:
    with RunningSandbox(SandboxConfig(load=_CASES, limits=False)) as sandbox:
        texts = await _texts(database, tmp_path, sandbox)
    assert all_faults(texts) == []
    assert _told_as_future(texts) == []
    told = "\n".join(texts)
    assert "Jo Blank is a contact." in told
    assert "Ada Null is a contact in New York, United States." in told
    assert "Smith & Sons" in told
    assert "TestCompany is a company of which only the name is recorded." in told
    assert 'The deal "Lost, dash"' not in told
    assert 'The reason given: "Too slow & no API".' in told
    assert 'The deal "Jahresvertrag Süd" with Smith & Sons' in told
    assert "was won on 1 October 2026" in told
    assert "It is overdue: its close date, 31 July 2026, has passed." in told


@pytest.mark.parametrize(
    "text",
    [
        "Jo Blank is a contact in n/a.",
        'The reason given: "???".',
        "Acme is a company in United States.",
        "Ann works as engineer at Acme.",
        "Ann works at . E-mail: a@b.example.",
        'The deal "" was won on 1 May 2026.',
        "The deal was won on 2026-05-01.",
        "Lead status: IN_PROGRESS_NOW.",
        "Its stage is closedwon.",
        "Smith &amp; Sons is a company.",
        'The deal "X" was won on 1 May 2026. Its stage is "Closed Won" of the pipeline "Sales".',
        "Ann is a contact. Original source: Unknown source.",
        "1 lost deal have no reason.",
    ],
)
def test_each_fault_is_found(text: str) -> None:
    assert list(faults(text))


async def _texts(database: Database, home: Path, sandbox: RunningSandbox) -> Sequence[str]:
    """Return all texts of a portal that was read, mapped and summarized."""
    connected = await Connected.create(database, settings_for(sandbox, home), config=_EVERYTHING)
    await connected.sync()
    scope = {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
    synthesize(database, **scope, config=ConnectorConfig(), cadence=Cadence.WEEKLY, now=datetime.now(UTC))
    map_records(database, **scope)
    drain(database, **scope)
    return [row.content for row in connected.rows("SELECT content FROM memories WHERE retired_at IS NULL ORDER BY id")]


def _told_as_future(texts: Sequence[str]) -> list[str]:
    today = datetime.now(UTC).date()
    days = {text: datetime.strptime(found.group(1), "%d %B %Y").date()  # noqa: DTZ007 - a day
            for text in texts if (found := _EXPECTED.search(text))}  # fmt: skip
    # Zones west of Greenwich are a day behind.
    return [text for text, day in days.items() if day < date.fromordinal(today.toordinal() - 1)]
