"""`coppermind tokens`: access tokens for assistants that call over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption
from coppermind_pipeline.wording import utc_minute

if TYPE_CHECKING:
    from coppermind_pipeline.accounts import AccessToken

app = typer.Typer(help="Access tokens for assistants that call `coppermind mcp --http`.", no_args_is_help=True)


@app.command()
def create(
    *,
    customer: CustomerOption = "local",
    name: Annotated[str, typer.Option(help="What uses it, so that you know which one to revoke.")] = "unnamed",
    as_json: output.JsonOption = False,
) -> None:
    """Create a token in a customer's name and print it: this once, since only a digest is stored."""
    from coppermind_pipeline.accounts import create_token
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        made = create_token(installation.database, customer=customer, name=name)
    token = made.token.get_secret_value()
    if not as_json:
        output.note(f"Token {made.listed.name!r} for the customer {made.listed.customer}. It is shown this once:")
    output.show({"token": token} | asdict(made.listed), as_json=as_json, human=lambda: Text(token))


@app.command("list")
def list_(*, as_json: output.JsonOption = False) -> None:
    """List all customers' tokens by their first characters, and when each was last used."""
    from coppermind_pipeline.accounts import list_tokens
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        tokens = list_tokens(installation.database)
    output.show(
        {"tokens": tokens},
        as_json=as_json,
        human=lambda: output.table(
            "Token", "Name", "Customer", "Created", "Last used", "Revoked",
            rows=(_row(token) for token in tokens),
            empty="There is no token yet: coppermind tokens create --name NAME",
        ),
    )  # fmt: skip


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its first characters, as `tokens list` shows them.")],
    *,
    as_json: output.JsonOption = False,
) -> None:
    """Make a token worthless, from its next call on."""
    from coppermind_pipeline.accounts import revoke_token
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        revoked = revoke_token(installation.database, token)
    output.show(revoked, as_json=as_json, human=lambda: Text(f"Token {revoked.prefix}… ({revoked.name}) is revoked."))


def _row(token: AccessToken) -> list[str | None]:
    times = (token.created_at, token.last_used_at, token.revoked_at)
    return [f"{token.prefix}…", token.name, token.customer, *(at and utc_minute(at) for at in times)]
