"""`coppermind web`: the web service alone."""

import logging
from typing import Annotated

import typer
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption
from coppermind_pipeline.wording import count


def web(
    *,
    sign_in_link: Annotated[
        bool, typer.Option("--sign-in-link", help="Print a new one-time sign-in link and end.")
    ] = False,
    end_sessions: Annotated[
        bool, typer.Option("--end-sessions", help="Sign all browsers of the customer out, and end.")
    ] = False,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Serve the OAuth callback and the pages, and print a one-time sign-in link.

    It listens on loopback, on the port of COPPERMIND_PUBLIC_URL; where that is an https address, a proxy in front ends
    the encryption and forwards to port 8480.
    """
    from coppermind_pipeline.accounts import end_all_sessions
    from coppermind_pipeline.interfaces.installation import open_installation
    from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link

    with open_installation(log_level=logging.INFO) as installation:
        database, public_url = installation.database, installation.settings.public_url
        if end_sessions:
            ended = end_all_sessions(database, customer=customer)
            output.show({"ended": ended}, as_json=as_json, human=lambda: f"{count(ended, 'session')} ended.")
            return
        service = None if sign_in_link else WebService(installation)
        link = make_sign_in_link(database, public_url, customer=customer)
        output.show({"url": public_url, "sign_in": link}, as_json=as_json, human=lambda: Text(link))
        if service is not None:
            service.run(say=lambda: output.note("Serving; Ctrl-C ends it."))
