"""The demonstration: a made-up portal, connected, backfilled, remembered and reported, as a customer would see it."""

import argparse
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from coppermind_pipeline.accounts import Mind, create_mind, local_caller, resolve_mind
from coppermind_pipeline.connectors import ConnectResponse, connect
from coppermind_pipeline.defs.sync_now import SyncOutcome, sync_connector
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.interfaces.cli.sync import progress_display
from coppermind_pipeline.interfaces.faults import known_fault
from coppermind_pipeline.interfaces.installation import Installation, open_installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.up import Addresses, run_everything
from coppermind_pipeline.interfaces.web import WebService
from coppermind_pipeline.memories import Memory, list_memories
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline.reports import ReportFormat, ReportRequest, crm_report, render
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings, default_home
from coppermind_pipeline.stopping import run_stoppable, stop_at_signals
from coppermind_pipeline.store import embedded
from coppermind_pipeline.wording import number

MIND = "Harborlight"
PORTAL = SandboxConfig(contacts=5_000, companies=1_200, deals=2_000)
# Type and sensitivity: facts that are open are companies, sensitive ones the synthesis.
MEMORIES_SHOWN = (
    ("campaign_outcome", "sensitive"),
    ("buying_signal", "sensitive"),
    ("objection", "sensitive"),
    ("stakeholder", "open"),
    ("fact", "open"),
)

BEGUN_ANEW = "Stopping. What is stored stays, and `make demo` begins anew."
SHOWN_AGAIN = "Everything has stopped. The demonstration stays as it is, and `make demo-ui` shows it again."

console = Console(highlight=False, soft_wrap=False)


def main() -> int:
    """Run the demonstration anew; with `--ui`, keep the installation of the last one running to look around in."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--ui", action="store_true", help="start Dagster and the web service on the last demonstration"
    )
    arguments = options.parse_args()
    home = default_home() / "demo"
    try:
        if arguments.ui:
            _look_around(home)
        else:
            run_stoppable(lambda: _demonstrate(home), say=lambda: _say(BEGUN_ANEW))
    except KeyboardInterrupt:  # somebody did not want to wait
        return 130
    except Exception as error:
        if (known := known_fault(error)) is None:
            raise
        console.print(Text.assemble((known.message, "bold red"), f" {in_commands(known.hint)}"))
        return 1
    return 0


def _demonstrate(home: Path) -> None:
    if home.exists():
        embedded.stop(home)
        shutil.rmtree(home)
    with ExitStack() as stack:
        portal = stack.enter_context(RunningSandbox(PORTAL, process=True))
        installation = stack.enter_context(open_installation(_settings(portal, home)))
        stack.enter_context(WebService(installation))
        console.rule("1. Connect")
        _say(f"A portal with {number(PORTAL.contacts)} contacts, {number(PORTAL.companies)} companies, "
             f"{number(PORTAL.deals)} deals answers at {portal.url} as HubSpot would.")  # fmt: skip
        mind = create_mind(installation.database, local_caller(installation.database), MIND, kind="client",
                           domains=[PORTAL.own_domain])  # fmt: skip
        connector_id = _connect(installation, mind)
        console.rule("2. Backfill, memories, synthesis")
        outcome = _sync(installation, connector_id)
        if not outcome.complete:
            raise CoppermindError(outcome.reason)
        _show_memories(installation, mind)
        _show_report(installation, mind)
    console.rule("Where to look next")
    _say("[bold]make demo-ui[/] starts Dagster and the web service on what you have just seen, and says where.")
    _say("[bold]docs/user-guide.md[/] connects a HubSpot portal of your own.")


def _settings(portal: RunningSandbox, home: Path) -> Settings:
    return Settings(
        home=home,
        database_url=None,  # the demonstration keeps to itself, whatever the environment says
        public_url=f"http://localhost:{free_port(8480)}",
        dagster_port=free_port(3000),
        hubspot_client_id=portal.client_id,
        hubspot_client_secret=SecretStr(portal.client_secret),
        hubspot_api_url=portal.url,
        hubspot_authorize_url=portal.authorize_url,
    )


def _connect(installation: Installation, mind: Mind) -> str:
    made = connect(installation.database, installation.settings, local_caller(installation.database), mind=mind.name,
                   callback_listening=True)  # fmt: skip
    _say(f"Connector [bold]{made.connector_id}[/] waits for an approval at its auth_url:")
    console.print(made.auth_url, style="dim", overflow="fold")
    _approve(made)
    _say("Approved in the browser's place: HubSpot's page redirected to our callback, which took the code.")
    return made.connector_id


def _approve(made: ConnectResponse) -> None:
    """Do what a person does: open the link, press Approve, be sent back to the callback's page."""
    page = httpx.post(made.auth_url, data={"decision": "approve"}, follow_redirects=True, timeout=30)
    page.raise_for_status()


def _sync(installation: Installation, connector_id: str) -> SyncOutcome:
    with progress_display() as display:
        return sync_connector(
            installation.database, installation.settings, connector_id, until_complete=True, on_progress=display.show
        )


def _show_memories(installation: Installation, mind: Mind) -> None:
    console.rule("3. Five memories")
    for memory_type, sensitivity in MEMORIES_SHOWN:
        _show(_memories(installation, mind, memory_type, sensitivity)[0])
    console.rule("4. Strategy synthesis")
    strategy = [m for m in _memories(installation, mind, "fact", "sensitive") if m.source_ref.endswith(":strategy")]
    _show(strategy[0])


def _memories(installation: Installation, mind: Mind, memory_type: str, sensitivity: str) -> Sequence[Memory]:
    """Return the newest memories of a kind."""
    return list_memories(
        installation.database, mind_id=mind.id, types=[memory_type], sensitivity=sensitivity, limit=10
    ).memories


def _show(memory: Memory) -> None:
    console.print(Panel(Text(memory.content), title=f"{memory.type} · {memory.sensitivity}", title_align="left"))


def _show_report(installation: Installation, mind: Mind) -> None:
    console.rule("5. This quarter's report")
    report = crm_report(installation.database, mind=mind, request=ReportRequest(), now=datetime.now(UTC))
    console.print(Panel(Text(report.trust.model_dump_json(indent=2)), title="trust", title_align="left"))
    console.print(Markdown(render(report, ReportFormat.MARKDOWN)))


def _look_around(home: Path) -> None:
    """Run Dagster and the web service on the last demonstration, whose portal has to be approved again.

    It has processes to end, as `coppermind up` has, and is stopped as that is: a second signal ends them at once.
    """
    if not home.exists():
        raise CoppermindError("There is no demonstration to look at yet.", hint="Run `make demo` first.")
    stop = stop_at_signals()
    with (
        RunningSandbox(PORTAL, process=True) as portal,
        open_installation(_settings(portal, home)) as installation,
    ):
        # Before anything is due, which would be refused without an approval by this portal.
        with WebService(installation):
            mind = resolve_mind(installation.database, local_caller(installation.database), MIND)
            made = connect(installation.database, installation.settings, local_caller(installation.database),
                           mind=mind.name, callback_listening=True)  # fmt: skip
            _approve(made)

        def ready(addresses: Addresses) -> None:
            _say(f"Connectors page: [bold]{addresses.sign_in}[/] (signs you in, once)")
            _say(f"Dagster, for whoever is signed in there: [bold]{addresses.dagster}[/]")
            _say("Ctrl-C stops everything.")

        run_everything(installation, tell=_say, ready=ready, stop=stop)
    _say(SHOWN_AGAIN)


def _say(sentence: str) -> None:
    console.print(sentence)
