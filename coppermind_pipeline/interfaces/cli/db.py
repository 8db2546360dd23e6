"""`coppermind db`: the database as such."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption
from coppermind_pipeline.wording import as_words, capitalized, count, number
from coppermind_pipeline.wording import size as size_words

if TYPE_CHECKING:
    from coppermind_pipeline.interfaces.growth import Growth
    from coppermind_pipeline.settings import Settings
    from coppermind_pipeline.store import Retained

app = typer.Typer(
    help="The database: start, stop, upgrade, size, backup, restore, addresses for other tools.",
    no_args_is_help=True,
)


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
    """Stop the embedded database server, whoever started it; `coppermind up` starts it again."""
    settings = _embedded_settings()
    from coppermind_pipeline.interfaces.up import runs_everything
    from coppermind_pipeline.store import embedded

    answer = {"stopped": embedded.stop(settings.home)}
    sentence = "The database is stopped." if answer["stopped"] else "The database was not running."
    output.show(answer, as_json=as_json, human=lambda: sentence)
    if runs_everything(settings.home):
        output.note("`coppermind up` runs, and starts it again; stop that to stop both.")


@app.command()
def upgrade(*, as_json: output.JsonOption = False) -> None:
    """Bring the schema up to date, and make the product's logins.

    Every other command does so too as it starts, where COPPERMIND_DATABASE_URL names a user who may.
    """
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.store import make_logins

    with open_installation() as installation:
        make_logins(installation.database)
        output.show({"upgraded": True}, as_json=as_json, human=lambda: "The schema is up to date.")


@app.command()
def size(*, as_json: output.JsonOption = False) -> None:
    """Show how much is stored of each kind, and how much of it retention would remove now."""
    from coppermind_pipeline.interfaces.growth import growth
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        found = growth(installation.database, installation.settings)
    output.show(found, as_json=as_json, human=lambda: _sizes(found))


def _sizes(found: "Growth") -> Group:
    table = output.table(
        "kind", "rows", "size", "too old",
        rows=[
            (as_words(each.kind), number(each.rows), size_words(each.bytes),
             size_words(each.old_bytes) if each.old_bytes else None)
            for each in sorted(found.kinds, key=lambda each: -each.bytes)
        ],
        empty="",
    )  # fmt: skip
    removals = [
        Text(f"{capitalized(each.kind)}: {_removal(each)}, {count(each.rows_removed, 'row')} removed so far.")
        for each in found.retention
    ]
    total = Text(f"All of it takes {size_words(sum(each.bytes for each in found.kinds))}. Rows are estimates.")
    return Group(table, Text(), total, *removals)


def _removal(standing: "Retained") -> str:
    return f"whole since {standing.kept_since:%Y-%m-%d}" if standing.kept_since else "whole"


@app.command()
def url(*, mind: MindOption = None, customer: CustomerOption = "local", as_json: output.JsonOption = False) -> None:
    """Print an address for psql and BI tools, and leave the embedded server running.

    Without --mind it reads all minds, with --mind that one alone; it changes nothing and holds a password.
    """
    from coppermind_pipeline.accounts import local_caller, resolve_mind
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.settings import Settings
    from coppermind_pipeline.store import embedded, login_url

    settings = Settings.from_environment()
    if settings.database_url is None:
        embedded.start(settings.home, keep_running=True)
    with open_installation(settings) as installation:
        database = installation.database
        found = resolve_mind(database, local_caller(database, customer), mind) if mind is not None else None
        address = login_url(database, database.login_key, mind_id=found.id if found else None)
    output.show({"url": address}, as_json=as_json, human=lambda: Text(address, overflow="ignore", no_wrap=True))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; nothing is left there where it fails.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Write everything that is stored to one file, Dagster's history included, while work goes on.

    HubSpot credentials are in it as they are stored, encrypted; the keys are not. Keep both, apart from each other.
    """
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.store import backup as write

    with open_installation() as installation:
        written = write(installation.database, file, replace=force)
        keys = _where_keys_are(installation.settings)
    output.show(
        {"file": written.file, "bytes": written.size, "revision": written.revision, "keys_included": False,
         "keys": keys},
        as_json=as_json,
        human=lambda: Group(
            Text(f"{written.file} holds everything that is stored ({number(written.size)} bytes)."),
            Text(f"The encryption keys are not in it: without those of {keys}, its HubSpot credentials can't be read. "
                 "Keep them apart from it.", style="yellow"),
        ),
    )  # fmt: skip


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `coppermind db backup` wrote.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what the installation holds now.")] = False,
    as_json: output.JsonOption = False,
) -> None:
    """Put a backup in the place of an empty installation's database; it starts paused until `coppermind up --resume`.

    Either all of it is restored or nothing is changed.
    """
    from coppermind_pipeline.connectors import list_keys
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.store import InstallationPaused
    from coppermind_pipeline.store import restore as read

    with open_installation() as installation:
        restored = read(installation.database, file, replace=force)
        missing = [key.id for key in list_keys(installation.database, installation.settings) if not key.available]
        keys = _where_keys_are(installation.settings)
    lines = [Text(f"{restored.file} is restored. The installation is paused."), Text(InstallationPaused.hint)]
    if missing:
        needed = f"HubSpot credentials need the encryption key {', '.join(missing)}: put it into {keys} first."
        lines.insert(1, Text(needed, style="yellow"))
    output.show(
        {"file": restored.file, "revision": restored.revision, "paused": True, "missing_keys": missing,
         "next_step": InstallationPaused.hint},
        as_json=as_json,
        human=lambda: Group(*lines),
    )  # fmt: skip


def _where_keys_are(settings: "Settings") -> str:
    from coppermind_pipeline.connectors import key_file

    return "COPPERMIND_ENCRYPTION_KEYS" if settings.encryption_keys is not None else str(key_file(settings))


def _embedded_settings() -> "Settings":
    from coppermind_pipeline.settings import Settings, SettingsError

    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise SettingsError(
            "COPPERMIND_DATABASE_URL names a server that is not ours to start or stop.",
            hint="Unset it to work with the embedded server.",
        )
    return settings
