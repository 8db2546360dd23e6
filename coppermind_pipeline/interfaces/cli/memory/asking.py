"""What the commands of `coppermind memory` share: asking the memory tool, and options that several have."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from coppermind_pipeline.interfaces.cli import completion
from coppermind_pipeline.interfaces.cli.session import open_session

ConnectorOption = Annotated[
    str | None,
    typer.Option("--connector", help="Only this connector of the mind.", autocompletion=completion.connectors),
]
ReaderOption = Annotated[
    str | None,
    typer.Option("--audience", help="client leaves people, single deals' names, quoted reasons and ids out."),
]


def ask(customer: str, mind: str | None, action: str, **arguments: Any) -> dict[str, Any]:
    """Return the memory tool's answer for the mind of that name, by default the active one."""
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import memory_tool

    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        answer = asyncio.run(
            memory_tool(session.database, mind=found, action=action, now=datetime.now(UTC), **arguments)
        )
    return answer.model_dump(mode="json")
