"""`coppermind memory search`, `list`, `get` and `queue`: what a mind remembers, and what waits to be."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.memory.asking import ConnectorOption, ask
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption, open_session
from coppermind_pipeline.interfaces.cli.views import memory as memory_views

TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this type, e.g. campaign_outcome or stakeholder. May be repeated."),
]
SensitivityOption = Annotated[str | None, typer.Option(help="Only open or only sensitive memories.")]
AudienceOption = Annotated[str | None, typer.Option(help="client leaves sensitive memories out.")]
SupersededOption = Annotated[bool, typer.Option("--include-superseded", help="Earlier texts, too.")]
PeriodKeyOption = Annotated[str | None, typer.Option(help="The summaries of one period, such as 2026-W47 or 2026-11.")]
CompanyOption = Annotated[
    str | None, typer.Option(help="Only this company, its deals and contacts: a name, domain or HubSpot id.")
]
OutcomeOption = Annotated[
    list[str] | None, typer.Option(help="Only deals that are won, lost or open. May be repeated.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        help="From this day, month or year, such as 2026-11; by close dates, and by when contacts and companies were "
        "created."
    ),
]
UntilOption = Annotated[str | None, typer.Option(help="Up to this day, month or year, itself included.")]
_ID_DIGITS_MAX = 19

LimitOption = Annotated[int | None, typer.Option(min=1, max=50, help="How many memories at most.")]


def search(
    query: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    *,
    mind: MindOption = None,
    types: TypesOption = None,
    sensitivity: SensitivityOption = None,
    audience: AudienceOption = None,
    connector_id: ConnectorOption = None,
    limit: LimitOption = None,
    include_superseded: SupersededOption = False,
    period_key: PeriodKeyOption = None,
    company: CompanyOption = None,
    outcome: OutcomeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Find memories by words, best first."""
    answer = ask(
        customer, mind, "search", query=query, types=types or None, sensitivity=sensitivity, audience=audience,
        connector_id=connector_id, limit=limit, include_superseded=include_superseded, period_key=period_key,
        company=company, outcome=outcome, since=since, until=until,
    )  # fmt: skip
    output.show(answer, as_json=as_json, human=lambda: memory_views.found(answer))


def list_(
    *,
    mind: MindOption = None,
    types: TypesOption = None,
    sensitivity: SensitivityOption = None,
    audience: AudienceOption = None,
    connector_id: ConnectorOption = None,
    limit: LimitOption = None,
    include_superseded: SupersededOption = False,
    period_key: PeriodKeyOption = None,
    company: CompanyOption = None,
    outcome: OutcomeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    before: Annotated[int | None, typer.Option(help="Go on below this memory's number.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """List memories, newest first."""
    answer = ask(
        customer, mind, "list", types=types or None, sensitivity=sensitivity, audience=audience,
        connector_id=connector_id, limit=limit, include_superseded=include_superseded, period_key=period_key,
        company=company, outcome=outcome, since=since, until=until, before=before,
    )  # fmt: skip
    output.show(answer, as_json=as_json, human=lambda: memory_views.found(answer))


def get(
    memory: Annotated[str, typer.Argument(metavar="MEMORY", help="The memory's number, or its source ref.")],
    *,
    mind: MindOption = None,
    audience: AudienceOption = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show one memory: any version by its number, the current one by its source ref."""
    wanted = {"memory_id": int(memory)} if _is_number(memory) else {"source_ref": memory}
    answer = ask(customer, mind, "get", audience=audience, **wanted)
    output.show(answer, as_json=as_json, human=lambda: memory_views.one(answer))


def queue(
    *,
    mind: MindOption = None,
    connector_id: ConnectorOption = None,
    state: Annotated[Literal["pending", "dead"] | None, typer.Option(help="Only entries in this state.")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Let the entries that failed for good be tried again.")
    ] = False,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show what waits to become a memory, and what failed."""
    from coppermind_pipeline import connectors, memories
    from coppermind_pipeline.accounts import resolve_mind

    with open_session(customer) as session:
        database, mind_id = session.database, resolve_mind(session.database, session.caller, mind).id
        queues = []
        shown = connectors.status(
            database,
            session.caller,
            connector_id=connector_id,
            mind=None if connector_id else mind,
            now=datetime.now(UTC),
        )
        for connector in (each.connector_id for each in shown.connectors if each.mind_id == mind_id):
            place = {"connector_id": connector, "mind_id": mind_id}
            replayed = memories.replay_dead(database, **place) if replay else 0
            with database.mind(mind_id) as connection:
                counts = memories.queue_status(connection, connector)
            entries = memories.list_queue(database, state=state, **place)
            queues.append({"connector_id": connector, "status": counts, "replayed": replayed, "entries": entries})
    output.show({"queues": queues}, as_json=as_json, human=lambda: memory_views.queues(queues))


def _is_number(memory: str) -> bool:
    # Python reads no number of more than 4300 digits, and no memory has one of more than 19.
    return memory.isdecimal() and len(memory) <= _ID_DIGITS_MAX
