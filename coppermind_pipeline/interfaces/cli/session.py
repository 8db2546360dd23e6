"""What a command works with: the opened installation, on behalf of one customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from coppermind_pipeline.interfaces.cli import completion

if TYPE_CHECKING:
    from coppermind_pipeline.accounts import Caller
    from coppermind_pipeline.settings import Settings
    from coppermind_pipeline.store import Database

CustomerOption = Annotated[str, typer.Option("--customer", help="The customer whose minds are meant.")]
MindOption = Annotated[
    str | None,
    typer.Option("--mind", help="The mind that is meant; by default the active one.", autocompletion=completion.minds),
]
ConnectorArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The connector's id.", autocompletion=completion.connectors)
]


@dataclass(frozen=True, slots=True)
class Session:
    """One command's way into the product."""

    settings: Settings
    database: Database
    caller: Caller


@contextmanager
def open_session(customer: str = "local") -> Iterator[Session]:
    """Open the installation, up to date, for the person at this machine in one customer's name."""
    from coppermind_pipeline.accounts import local_caller
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        caller = local_caller(installation.database, customer)
        yield Session(installation.settings, installation.database, caller)
