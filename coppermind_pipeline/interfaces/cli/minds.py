"""`coppermind minds`: one partitioned memory per client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import completion, output
from coppermind_pipeline.interfaces.cli.session import CustomerOption, open_session

if TYPE_CHECKING:
    from coppermind_pipeline.accounts import Mind

app = typer.Typer(help="Minds: one partitioned memory per client.", no_args_is_help=True)

MindArgument = Annotated[str, typer.Argument(metavar="NAME", help="The mind's name.")]
KnownMindArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The mind's name.", autocompletion=completion.minds)
]
DomainsOption = Annotated[
    list[str] | None,
    typer.Option("--domain", help="The company's own mail domain, whose contacts are internal. May be repeated."),
]
Kind = Literal["client", "prospect", "internal"]


@app.command()
def create(
    name: MindArgument,
    *,
    kind: Annotated[Kind, typer.Option(help="Only a client's or a prospect's mind can be connected.")] = "client",
    domain: DomainsOption = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Create a mind; the first one becomes the active mind."""
    from coppermind_pipeline.accounts import create_mind

    with open_session(customer) as session:
        mind = create_mind(session.database, session.caller, name, kind=kind, domains=domain or [])
    output.show(mind, as_json=as_json, human=lambda: _sentence(mind, "is created"))


@app.command("list")
def list_(*, customer: CustomerOption = "local", as_json: output.JsonOption = False) -> None:
    """List the minds; the active one is marked with a star."""
    from coppermind_pipeline.accounts import list_minds

    with open_session(customer) as session:
        minds = list_minds(session.database, session.caller)
    output.show(
        {"minds": minds},
        as_json=as_json,
        human=lambda: output.table(
            "", "Mind", "Kind", "Domains",
            rows=(("*" if m.active else " ", m.name, m.kind, ", ".join(m.domains)) for m in minds),
            empty="There is no mind yet: coppermind minds create NAME --kind client --domain acme.com",
        ),
    )  # fmt: skip


@app.command()
def switch(name: KnownMindArgument, *, customer: CustomerOption = "local", as_json: output.JsonOption = False) -> None:
    """Make a mind the active one, which commands mean that name none."""
    from coppermind_pipeline.accounts import switch_mind

    with open_session(customer) as session:
        mind = switch_mind(session.database, session.caller, name)
    output.show(mind, as_json=as_json, human=lambda: _sentence(mind, "is now the active mind"))


@app.command()
def update(
    name: KnownMindArgument,
    *,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Another kind.")] = None,
    domain: DomainsOption = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Change a mind's name, kind or domains; the domains that are given replace the earlier ones."""
    from coppermind_pipeline.accounts import update_mind

    with open_session(customer) as session:
        mind = update_mind(session.database, session.caller, name, new_name=new_name, kind=kind, domains=domain)
    output.show(mind, as_json=as_json, human=lambda: _sentence(mind, "is updated"))


def _sentence(mind: Mind, what_happened: str) -> Text:
    domains = f", {', '.join(mind.domains)}" if mind.domains else ""
    return Text(f"{mind.name} ({mind.kind}{domains}) {what_happened}.")
