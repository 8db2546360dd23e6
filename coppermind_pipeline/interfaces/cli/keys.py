"""`coppermind keys`: the keys that credentials are encrypted with."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.wording import count, number

if TYPE_CHECKING:
    from coppermind_pipeline.connectors import KeyUse

app = typer.Typer(help="Encryption keys of the stored HubSpot credentials.", no_args_is_help=True)


@app.command("list")
def list_(*, as_json: output.JsonOption = False) -> None:
    """List the keys by id, and how many connectors' credentials each one protects."""
    from coppermind_pipeline.connectors import list_keys
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        keys = list_keys(installation.database, installation.settings)
    output.show(
        {"keys": keys},
        as_json=as_json,
        human=lambda: output.table(
            "Key", "Credentials", "",
            rows=((key.id, number(key.credentials), _remark(key)) for key in keys),
            empty="There is no key yet; the first connection makes one.",
        ),
    )  # fmt: skip


@app.command()
def rotate(*, as_json: output.JsonOption = False) -> None:
    """Encrypt all credentials with a new key; syncs go on meanwhile.

    Where COPPERMIND_ENCRYPTION_KEYS is set, put the new key first there and restart before; everything is then
    encrypted with that one.
    """
    from coppermind_pipeline.connectors import rotate_keys
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        rotated = rotate_keys(installation.database, installation.settings)
    output.show(
        {"rotated": rotated},
        as_json=as_json,
        human=lambda: f"The credentials of {count(rotated, 'connector')} have a new key.",
    )


def _remark(key: "KeyUse") -> Text:
    if not key.available:
        return Text("missing: these credentials can't be read", style="red")
    return Text("newest" if key.newest else "")
