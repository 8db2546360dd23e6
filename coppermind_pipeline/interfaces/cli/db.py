"""`coppermind db`: the database as such."""

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption

app = typer.Typer(help="The database: start, stop, upgrade, and addresses for other tools.", no_args_is_help=True)


@app.command()
def start(*, as_json: output.JsonOption = False) -> None:
    """Start the embedded database server and leave it running."""
    settings = _embedded_settings()
    from coppermind_pipeline.store import embedded

    embedded.start(settings.home, keep_running=True)
    answer = {"running": True, "directory": settings.home / "postgres"}
    output.show(answer, as_json=as_json, human=lambda: f"The database runs, with its data in {answer['directory']}.")


@app.command()
def stop(*, as_json: output.JsonOption = False) -> None:
    """Stop the embedded database server, whoever started it."""
    settings = _embedded_settings()
    from coppermind_pipeline.store import embedded

    answer = {"stopped": embedded.stop(settings.home)}
    sentence = "The database is stopped." if answer["stopped"] else "The database was not running."
    output.show(answer, as_json=as_json, human=lambda: sentence)


@app.command()
def upgrade(*, as_json: output.JsonOption = False) -> None:
    """Bring the schema up to date. Every other command does so too as it starts."""
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation():
        output.show({"upgraded": True}, as_json=as_json, human=lambda: "The schema is up to date.")


@app.command()
def url(*, mind: MindOption = None, customer: CustomerOption = "local", as_json: output.JsonOption = False) -> None:
    """Print an address for psql and BI tools, and leave the embedded server running.

    Without --mind it opens with the reader's role, which may read all minds and change nothing; with --mind it sees
    that mind alone.
    """
    from coppermind_pipeline.accounts import local_caller, resolve_mind
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.settings import Settings
    from coppermind_pipeline.store import embedded

    settings = Settings.from_environment()
    if settings.database_url is None:
        embedded.start(settings.home, keep_running=True)
    with open_installation(settings) as installation:
        database = installation.database
        if mind is None:
            address = database.url(role="coppermind_reader")
        else:
            found = resolve_mind(database, local_caller(database, customer), mind)
            address = database.url(role="coppermind_app", mind_id=found.id)
    output.show({"url": address}, as_json=as_json, human=lambda: Text(address, overflow="ignore", no_wrap=True))


def _embedded_settings():  # noqa: ANN202  (the class is imported where it is used, to keep start-up fast)
    from coppermind_pipeline.settings import Settings, SettingsError

    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise SettingsError(
            "COPPERMIND_DATABASE_URL names a server that is not ours to start or stop.",
            hint="Unset it to work with the embedded server.",
        )
    return settings
