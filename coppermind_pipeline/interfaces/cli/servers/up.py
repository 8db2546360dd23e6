"""`coppermind up`: everything on this machine, until interrupted."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output

if TYPE_CHECKING:
    from coppermind_pipeline.interfaces.up import Addresses


def up(
    *,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Let an installation that was restored from a backup work: it starts paused."),
    ] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Start the database, Dagster and the web service on this machine, and stop them all on Ctrl-C."""
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.interfaces.up import run_everything
    from coppermind_pipeline.settings import SettingsError
    from coppermind_pipeline.stopping import end_process, stop_at_signals
    from coppermind_pipeline.store import InstallationPaused, paused_since
    from coppermind_pipeline.store import resume as end_pause

    stop = stop_at_signals()
    with open_installation(log_level=logging.INFO) as installation:
        if resume and end_pause(installation.database):
            output.note("The installation is no longer paused.")
        elif paused_since(installation.database):
            paused = InstallationPaused()
            output.note(f"{paused.message} {paused.hint}")
        try:
            installation.settings.require_hubspot_app()
        except SettingsError as error:
            output.note(f"{error.message} Until then no portal can be connected, and soon none is read.")
        run_everything(
            installation,
            tell=output.note,
            ready=lambda addresses: output.show(addresses, as_json=as_json, human=lambda: _addresses_table(addresses)),
            stop=stop,
        )
        # What looks at the parts may still wait for one inside a library, which can keep Python from ending.
        end_process(0)


def _addresses_table(addresses: "Addresses") -> Table:
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    rows.add_column(style="bold")
    rows.add_column(overflow="fold")
    rows.add_row("Connectors", Text(addresses.web))
    rows.add_row("Sign in", Text.assemble(addresses.sign_in, ("  (works once)", "dim")))
    rows.add_row("Dagster", Text.assemble(addresses.dagster, ("  (for whoever is signed in)", "dim")))
    rows.add_row("Logs", Text(str(addresses.logs)))
    rows.add_row("", Text("Ctrl-C stops everything.", style="dim"))
    return rows
