"""`coppermind sync`: one connector's assets, materialized in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import ConnectorArgument
from coppermind_pipeline.stopping import at_stop, run_stoppable

if TYPE_CHECKING:
    from rich.progress import Progress as ProgressBars
    from rich.progress import TaskID

    from coppermind_pipeline.defs.sync_now import SyncOutcome
    from coppermind_pipeline.sync import Progress

STOPPING = "Stopping. What is stored stays, and the next sync goes on from there."
LINE_INTERVAL_S = 2.0


def sync(
    connector_id: ConnectorArgument,
    *,
    until_complete: Annotated[
        bool,
        typer.Option(
            "--until-complete",
            help="Repeat until the backfill is complete, the queue empty and the synthesis published or skipped.",
        ),
    ] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Also run the reconciliation and the rolling re-read to their ends.")
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Pull, normalize, map and drain one connector now, through Dagster, with progress.

    Where another process works on the connector it waits and shows that one's progress. Ctrl-C or SIGTERM stops it
    within seconds, at any moment; the next sync goes on from there.
    """

    def work() -> SyncOutcome:
        from coppermind_pipeline.defs.sync_now import sync_connector
        from coppermind_pipeline.interfaces.installation import open_installation

        with open_installation() as installation, progress_display() as display:
            return sync_connector(
                installation.database,
                installation.settings,
                connector_id,
                until_complete=until_complete,
                reconcile=reconcile,
                on_progress=display.show,
            )

    outcome = run_stoppable(work, say=lambda: output.note(STOPPING))
    answer = {"connector_id": connector_id, "complete": outcome.complete, "reason": outcome.reason}
    sentence = f"{connector_id} is complete." if outcome.complete else outcome.reason or "There is more to do."
    output.show(answer, as_json=as_json, human=lambda: Text(sentence))
    if not outcome.succeeded or (until_complete and not outcome.complete):
        raise typer.Exit(1)


class ProgressDisplay(Protocol):
    """Something that shows how far each stage of a sync is."""

    def show(self, progress: Progress) -> None:
        """Take one report of a stage."""
        ...


@contextmanager
def progress_display() -> Iterator[ProgressDisplay]:
    """Show progress on standard error: bars on a terminal, lines for a log elsewhere."""
    if not output.error_console().is_terminal:
        yield _Lines()
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description:<14}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=output.error_console()) as bars, at_stop(bars.stop):
        display = _Bars(bars)
        yield display
        display.fill()


class _Bars:
    """One bar per stage, for a terminal."""

    def __init__(self, bars: ProgressBars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, progress: Progress) -> None:
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=progress.total)
        self._bars.update(self._tasks[progress.stage], completed=progress.done, total=progress.total)

    def fill(self) -> None:
        """Show the stages whose total nobody knew as done: what they did is all there was."""
        for task in self._bars.tasks:
            if task.total is None:
                self._bars.update(task.id, total=task.completed)


class _Lines:
    """A line per stage every two seconds, and one at its end: for logs."""

    def __init__(self) -> None:
        self._shown_at: dict[str, float] = {}

    def show(self, progress: Progress) -> None:
        at_end = progress.total is not None and progress.done >= progress.total
        if not at_end and time.monotonic() - self._shown_at.get(progress.stage, 0) < LINE_INTERVAL_S:
            return
        self._shown_at[progress.stage] = time.monotonic()
        total = "" if progress.total is None else f" of {progress.total}"
        output.error_console().print(f"{progress.stage}: {progress.done}{total}")
