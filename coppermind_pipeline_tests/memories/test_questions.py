"""Questions as people type them, and the memory that answers each: on a made-up portal, and on a public data set.

`questions.csv` was written from the records before search was made to answer it; every other question was set aside
until it did. What a question expects are parts of one text, which has to be first, or among the first three.
"""

import asyncio
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.memories import drain, map_records, search
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.conftest import NewDatabase
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.olist import write_portal

FOUND_MIN = 0.95

_EVERYTHING = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
_MADE_AT = datetime(2026, 11, 18, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what has to be found within the first memories."""

    query: str
    arguments: dict[str, Any]
    within: int
    expected: tuple[str, ...]


def _questions(portal: str) -> list[Question]:
    with Path(__file__).with_name("questions.csv").open(encoding="utf-8", newline="") as file:
        return [
            Question(
                row["query"],
                dict(argument.split("=") for argument in row["arguments"].split(";") if argument),
                int(row["within"]),
                tuple(row["expected"].split("|")),
            )
            for row in csv.DictReader(file)
            if row["portal"] == portal
        ]


@pytest.fixture(scope="module")
def demo(
    new_database: NewDatabase, server_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, UUID]]:
    home = tmp_path_factory.mktemp("demo")
    portal = SandboxConfig(contacts=300, companies=80, deals=200, generated_at=_MADE_AT, limits=False)
    with _remembered(portal, new_database, server_home, home) as mind:
        yield mind


@pytest.fixture(scope="module")
def real(
    new_database: NewDatabase, server_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, UUID]]:
    data_set = Path(__file__).parents[3] / "shared/real-data/crm-olist-marketing-funnel"
    if not data_set.is_dir():
        pytest.skip("the data set is not beside the project")
    home, portal = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("portal")
    write_portal(data_set, portal, leads_max=1_000)
    with _remembered(SandboxConfig(load=portal, limits=False), new_database, server_home, home) as mind:
        yield mind


@contextmanager
def _remembered(
    portal: SandboxConfig, new_database: NewDatabase, server_home: Path, home: Path
) -> Iterator[tuple[Database, UUID]]:
    """Yield the mind of a portal that was read, mapped and summarized."""
    with new_database() as url, RunningSandbox(portal) as sandbox:
        database = Database(url, server_home)
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, home), config=_EVERYTHING))
        asyncio.run(connected.sync())
        scope = {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
        synthesize(database, **scope, config=ConnectorConfig(), cadence=Cadence.WEEKLY, now=datetime.now(UTC))
        map_records(database, **scope)
        drain(database, **scope)
        yield database, connected.connector.mind_id
        database.dispose()


def test_questions_about_a_made_up_portal_are_answered(demo: tuple[Database, UUID]):
    _assert_answered(*demo, _questions("demo"))


@pytest.mark.slow
def test_questions_about_a_public_data_set_are_answered(real: tuple[Database, UUID]):
    _assert_answered(*real, _questions("real"))


def _assert_answered(database: Database, mind_id: UUID, questions: list[Question]) -> None:
    missed: list[str] = []
    for question in questions:
        found = search(database, mind_id=mind_id, query=question.query, **question.arguments, limit=3).memories
        shown = [memory.content for memory in found[: question.within]]
        if not any(all(part in text for part in question.expected) for text in shown):
            missed.append(f"{question.query} {question.arguments or ''}: {question.expected}, found {shown}")
    assert len(questions) > 10
    assert len(missed) <= (1 - FOUND_MIN) * len(questions), "\n\n".join(missed)
