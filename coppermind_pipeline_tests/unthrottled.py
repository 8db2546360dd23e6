"""A connected portal that may be read as fast as it answers, because its sandbox enforces no limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling


@asynccontextmanager
async def unthrottled(
    database: Database, home: Path, *, mind: str = "Acme", **sandbox: Any
) -> AsyncIterator[Reconciling]:
    """Yield an active connector of a sandbox portal that was never read; `sandbox` are values of its configuration."""
    small: dict[str, Any] = {"contacts": 60, "companies": 15, "deals": 25, "definitions_per_type": 60, "limits": False}
    with RunningSandbox(SandboxConfig(**(small | sandbox))) as running:
        yield Reconciling(await Connected.create(database, settings_for(running, home), mind=mind), running)
