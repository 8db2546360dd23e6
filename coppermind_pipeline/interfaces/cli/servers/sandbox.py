"""`coppermind sandbox`: a simulated HubSpot portal to try everything with."""

from pathlib import Path
from typing import Annotated

import typer

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.cli import output

# Each takes about a kilobyte of memory.
_RECORDS_MAX = 5_000_000

app = typer.Typer(
    help="A simulated HubSpot portal, to try the product without a HubSpot account.", no_args_is_help=True
)


@app.command()
def serve(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8490,
    seed: Annotated[int, typer.Option(help="The same seed and sizes make the same portal.")] = 1,
    contacts: Annotated[int, typer.Option(min=0, max=_RECORDS_MAX, help="Contacts to generate.")] = 5_000,
    companies: Annotated[int, typer.Option(min=0, max=_RECORDS_MAX, help="Companies to generate.")] = 1_200,
    deals: Annotated[int, typer.Option(min=0, max=_RECORDS_MAX, help="Deals to generate.")] = 2_000,
    load: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Load the portal from this directory of CSV files, such as HubSpot exports.",
        ),
    ] = None,
) -> None:
    """Serve a simulated portal on this machine until interrupted."""
    from coppermind_pipeline.sandbox import AppSettings, LoadError, SandboxConfig
    from coppermind_pipeline.sandbox import serve as serve_portal
    from coppermind_pipeline.settings import Settings

    # As in HubSpot, the app has the redirect URI of one installation: the one of these settings.
    app = AppSettings(redirect_uris=(Settings.from_environment().redirect_uri,))
    config = SandboxConfig(seed=seed, contacts=contacts, companies=companies, deals=deals, load=load, app=app)
    address = f"http://127.0.0.1:{port}"
    words = (
        "A simulated HubSpot portal. Let the product use it with these settings:\n"
        f"  COPPERMIND_HUBSPOT_API_URL={address}\n"
        f"  COPPERMIND_HUBSPOT_AUTHORIZE_URL={address}/oauth/authorize\n"
        f"  COPPERMIND_HUBSPOT_CLIENT_ID={config.client_id}\n"
        f"  COPPERMIND_HUBSPOT_CLIENT_SECRET={config.client_secret}\n"
        f"Its app is registered with the redirect URL {app.redirect_uris[0]}.\n"
        "Ctrl-C ends it."
    )
    try:
        serve_portal(config, host="127.0.0.1", port=port, ready=lambda: output.note(words))
    except LoadError as error:
        raise UsageError(f"{error}.", hint="docs/user-guide.md says what the files of --load hold.") from error
    except OSError as error:
        raise UsageError(
            f"The sandbox can't serve on port {port}: {error.strerror}.", hint="Choose another with --port."
        ) from error
