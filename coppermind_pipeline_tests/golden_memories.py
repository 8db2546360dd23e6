"""Golden memories: one of each kind, as the product writes it of the demonstration's portal, for people to read.

`python -m coppermind_pipeline_tests.golden_memories` prints them as a page; with `--write` it writes the page,
`docs/golden-memories.md`. The portal is the demonstration's at a tenth of its size, the clock stands still, and all
else is real: a sandbox that answers as HubSpot does, a sync, a database of its own.
"""

import asyncio
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap

from sqlalchemy import RowMapping

from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.interfaces.demo.demonstration import MIND, PORTAL
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.sandbox import Clock, RunningSandbox
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for

PAGE = Path(__file__).parents[1] / "docs" / "golden-memories.md"
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday in ISO week 2026-W47
SINCE = "2024-11-18T12:00:00Z"  # two years before, as where nothing is configured
LINE_CHARS = 116


@dataclass(frozen=True, slots=True)
class Golden:
    """A kind of memory, and the condition by which the first example of it is found."""

    title: str
    condition: str


KINDS = (
    Golden("A won deal, with its company and contact", "memory.type = 'campaign_outcome' AND amount IS NOT NULL"
           " AND lead_contact_id IS NOT NULL AND primary_company_id IS NOT NULL AND currency = 'USD'"),
    Golden("A won deal in another currency than the portal's", "memory.type = 'campaign_outcome' AND currency = 'EUR'"),
    Golden("A won deal without an amount", "memory.type = 'campaign_outcome' AND amount IS NULL"),
    Golden("A deal lost for a reason that is an objection", "memory.type = 'objection' AND amount IS NOT NULL"),
    Golden("A deal lost for a reason that is a pain point", "memory.type = 'pain_point'"),
    Golden("An open deal in a late stage", "memory.type = 'buying_signal' AND close_at > :now AND amount > 0"),
    Golden("An open deal in a late stage that is overdue", "memory.type = 'buying_signal' AND close_at < :now"),
    Golden("A contact with a job title and a company", "memory.type = 'stakeholder' AND record.company_name IS NOT NULL"
           " AND record.job_title IS NOT NULL AND country_code IS NOT NULL"),
    Golden("A contact whose company only the association knows", "memory.type = 'stakeholder'"
           " AND record.company_name IS NULL AND EXISTS (SELECT FROM live_records AS company"
           " WHERE company.object_type = 'companies'"
           " AND company.hubspot_id = record.properties ->> 'associatedcompanyid')"),
    Golden("A contact of whom no company is known", "memory.type = 'stakeholder' AND record.company_name IS NULL"
           " AND record.properties ->> 'associatedcompanyid' IS NULL"),
    Golden("A company", "memory.type = 'fact' AND record.industry IS NOT NULL AND city IS NOT NULL"),
    Golden("A company whose industry nobody recorded", "memory.type = 'fact' AND record.industry IS NULL"),
)  # fmt: skip
AGGREGATES = ("channel_mix", "geography", "lead_leaks", "loss_themes", "strategy")


@dataclass(frozen=True, slots=True)
class Remembered:
    """A memory as the page shows it."""

    title: str
    type: str
    sensitivity: str
    ref: str
    content: str


def main(arguments: Sequence[str]) -> None:
    """Print or write the page, from an installation made for it."""
    configure_logs(logging.WARNING)
    with TemporaryDirectory() as home:
        url = embedded.start(Path(home))
        database = Database(url, Path(home))
        try:
            upgrade(database)
            page = golden_page(database, Path(home))
        finally:
            database.dispose()
            embedded.stop(Path(home))
    if "--write" in arguments:
        PAGE.write_text(page)
    else:
        sys.stdout.write(page)


def golden_page(database: Database, home: Path) -> str:
    """Return the page, from a portal that is connected, read, mapped and summarized in an empty database."""
    connected = remembered_portal(database, home)
    return "\n".join([_HEAD, *_part("Records", _records(connected)), *_part("Aggregates", _aggregates(connected)), ""])


def remembered_portal(database: Database, home: Path) -> Connected:
    """Return a tenth of the demonstration's portal, with its memories of the day on which the clock stands still."""
    config = replace(PORTAL, contacts=PORTAL.contacts // 10, companies=PORTAL.companies // 10,
                     deals=PORTAL.deals // 10, generated_at=NOW, limits=False)  # fmt: skip
    with RunningSandbox(config, clock=Clock(NOW.timestamp)) as sandbox:
        settings = settings_for(sandbox, home)
        connected = asyncio.run(
            Connected.create(database, settings, mind=MIND, config={"hubspot_backfill_since": SINCE})
        )
        asyncio.run(connected.sync())
    scope = {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
    synthesize(database, **scope, config=ConnectorConfig(), cadence=Cadence.WEEKLY, now=NOW)
    map_records(database, **scope, now=NOW)
    drain(database, **scope)
    return connected


def _records(connected: Connected) -> Iterator[Remembered]:
    for kind in KINDS:
        found = connected.rows(_EXAMPLE.format(condition=kind.condition), now=NOW)
        if not found:
            raise LookupError(f"no example in the portal: {kind.title}")
        yield _remembered(kind.title, found[0]._mapping)


def _aggregates(connected: Connected) -> Iterator[Remembered]:
    rows = {row.aggregate_scope: row._mapping for row in connected.rows(_AGGREGATES)}
    for scope in AGGREGATES:
        yield _remembered(scope.replace("_", " ").capitalize(), rows[scope])


def _remembered(title: str, row: RowMapping) -> Remembered:
    # The connector's id ends in characters of chance.
    _, _, rest = row["source_ref"].split(":", 2)
    return Remembered(title, row["type"], row["sensitivity"], f"hubspot:CONNECTOR:{rest}", row["content"])


def _part(title: str, memories: Iterator[Remembered]) -> Iterator[str]:
    yield f"\n## {title}"
    for memory in memories:
        yield f"\n### {memory.title}\n\n`{memory.type}`, {memory.sensitivity}, `{memory.ref}`\n"
        for line in memory.content.splitlines():
            indent = "  " if line.startswith("- ") else ""
            lines = wrap(line, LINE_CHARS, subsequent_indent=indent, break_on_hyphens=False)
            yield from (f"> {each}".rstrip() for each in lines or [""])


_HEAD = f"""\
# Golden memories

One memory of each kind, and the five aggregates, word for word as the product writes them: of the demonstration's
portal at a tenth of its size, as of {NOW.day} {NOW:%B %Y}. No person, company or deal in it exists. The page is made by

```sh
.venv/bin/python -m coppermind_pipeline_tests.golden_memories --write
```

which connects, reads, maps and summarizes the portal anew; `make docs` runs it too, and a test compares the page with
what it says. An open deal in an early stage makes no memory, nor does a deal that was lost without a reason, and
neither does a record that is filtered, archived or merged into another."""

_EXAMPLE = """
SELECT memory.source_ref, memory.type, memory.sensitivity, memory.content
  FROM memories AS memory
  JOIN hubspot_crm_objects AS record ON record.connector_id = memory.connector_id
   AND record.object_type = memory.object_type AND record.hubspot_id = memory.hubspot_id
 WHERE memory.connector_id = :connector AND memory.retired_at IS NULL AND memory.superseded_at IS NULL
   AND {condition} AND CAST(:now AS timestamptz) IS NOT NULL
 ORDER BY length(record.hubspot_id), record.hubspot_id LIMIT 1
"""

_AGGREGATES = """
SELECT source_ref, type, sensitivity, content, aggregate_scope
  FROM memories WHERE connector_id = :connector AND aggregate_scope IS NOT NULL
"""

if __name__ == "__main__":
    main(sys.argv[1:])
