"""All commands, assembled."""

from importlib.metadata import version
from typing import Annotated

import typer

from coppermind_pipeline.interfaces.cli import connectors, customers, db, keys, memory, minds, output, sync, tokens
from coppermind_pipeline.interfaces.cli.servers import mcp, sandbox, up, web, worker

app = typer.Typer(
    name="coppermind",
    cls=output.ErrorsForPeople,
    help="Read-only HubSpot ingest into one partitioned memory per client.",
    no_args_is_help=True,
    # A traceback with local variables could show a token.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(asked: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if asked:
        typer.echo(f"coppermind {version('coppermind-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command()(up.up)
app.command()(worker.worker)
app.command()(web.web)
app.command()(mcp.mcp)
app.add_typer(customers.app, name="customers")
app.add_typer(tokens.app, name="tokens")
app.add_typer(minds.app, name="minds")
app.add_typer(connectors.app, name="connectors")
app.command()(sync.sync)
app.add_typer(memory.app, name="memory")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(keys.app, name="keys")
app.add_typer(db.app, name="db")
