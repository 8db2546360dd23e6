"""`coppermind mcp`: the tools for an assistant."""

import logging
from typing import Annotated

import typer
from rich.text import Text

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption

# Said here again, so that the command's help needs no heavy import; a test holds the two together.
HTTP_PORT = 8481


def mcp(
    *,
    http: Annotated[
        bool,
        typer.Option("--http", help="Serve over HTTP to whoever shows an access token, instead of standard input."),
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --http: port on this machine.")] = HTTP_PORT,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Serve the tools connectors, minds and memory to an assistant, over MCP.

    An assistant on this machine starts it by itself and speaks over standard input and output, in the customer's name.
    With --http it listens on loopback, and each call's access token says in whose name it is made; where
    COPPERMIND_PUBLIC_URL is an https address, a proxy in front ends the encryption and forwards /mcp to the port.
    """
    from coppermind_pipeline.accounts import local_caller
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.interfaces.mcp import http_address, http_service, serve_stdio
    from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener

    if http and customer != "local":
        raise UsageError(
            "With --http the access token says whose minds are meant.",
            hint="Give the assistant a token of that customer: `coppermind tokens create --customer NAME`.",
        )
    with open_installation(log_level=logging.INFO if http else logging.WARNING) as installation:
        if not http:
            serve_stdio(installation, local_caller(installation.database, customer))
            return
        with CallbackListener(installation) as callback:
            service = http_service(installation, callback, port=port)
            address = http_address(installation.settings, port=port)
            output.show({"url": address}, as_json=as_json, human=lambda: Text(address))
            service.run(say=lambda: output.note("Serving; Ctrl-C ends it."))
