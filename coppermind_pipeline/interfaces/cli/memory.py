"""`coppermind memory`: what a mind remembers, its queue, and the CRM report."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

import typer

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption, open_session
from coppermind_pipeline.interfaces.cli.views import memory as memory_views

app = typer.Typer(help="What a mind remembers, its queue, and the CRM report.", no_args_is_help=True)

TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this type, e.g. campaign_outcome or stakeholder. May be repeated."),
]
SensitivityOption = Annotated[str | None, typer.Option(help="Only open or only sensitive memories.")]
AudienceOption = Annotated[str | None, typer.Option(help="client leaves sensitive memories out.")]
ConnectorOption = Annotated[str | None, typer.Option("--connector", help="Only this connector of the mind.")]
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


@app.command()
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
    answer = _ask(
        customer, mind, "search", query=query, types=types or None, sensitivity=sensitivity, audience=audience,
        connector_id=connector_id, limit=limit, include_superseded=include_superseded, period_key=period_key,
        company=company, outcome=outcome, since=since, until=until,
    )  # fmt: skip
    output.show(answer, as_json=as_json, human=lambda: memory_views.found(answer))


@app.command("list")
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
    answer = _ask(
        customer, mind, "list", types=types or None, sensitivity=sensitivity, audience=audience,
        connector_id=connector_id, limit=limit, include_superseded=include_superseded, period_key=period_key,
        company=company, outcome=outcome, since=since, until=until, before=before,
    )  # fmt: skip
    output.show(answer, as_json=as_json, human=lambda: memory_views.found(answer))


@app.command()
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
    answer = _ask(customer, mind, "get", audience=audience, **wanted)
    output.show(answer, as_json=as_json, human=lambda: memory_views.one(answer))


@app.command()
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


@app.command()
def report(
    *,
    mind: MindOption = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="this_quarter (the default), last_month, 2026-11, 2026-Q3, 2026-W47, FY2026, FY2026-Q3 and so on, "
            "or as you would write it, such as 'Q3 2026'."
        ),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, instead of a period.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last one.")] = None,
    date_basis: Annotated[
        str | None,
        typer.Option(
            help="Which of a deal's dates counts: closedate (the default), hs_closed_won_date, "
            "date_entered_closed_won, date_entered_current_stage or hs_lastmodifieddate."
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="source, owner, pipeline, stage, country, region, month, company; of lost deals alone loss_theme or "
            "loss_reason."
        ),
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            help="Count and list deals that are won, lost or open alone (open ones as of now); several by commas."
        ),
    ] = None,
    connector_id: ConnectorOption = None,
    detail: Annotated[bool, typer.Option("--detail", help="List the deals, too.")] = False,
    compare_to: Annotated[str | None, typer.Option(help="previous_period or previous_year.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The state of the CRM at that time.")] = None,
    include_filtered: Annotated[bool, typer.Option("--include-filtered", help="Count filtered deals.")] = False,
    live_fallback: Annotated[
        bool, typer.Option("--live-fallback", help="Pull what changed first where the store is stale.")
    ] = False,
    timezone: Annotated[str | None, typer.Option(help="An IANA zone such as America/Phoenix.")] = None,
    page: Annotated[int | None, typer.Option(min=1, help="Page of the deals.")] = None,
    page_rows: Annotated[int | None, typer.Option(min=1, help="Deals on a page.")] = None,
    format_: Annotated[
        Literal["json", "markdown", "csv", "html"] | None, typer.Option("--format", help="How to print it.")
    ] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Report revenue, win rate and pipeline of a period, and how far the figures can be trusted."""
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import ReportFormat, ReportRequest, live_crm_report, render
    from coppermind_pipeline.sync import pull_now

    request = ReportRequest.from_arguments(
        {
            "period": period, "start": start, "end": end, "date_basis": date_basis, "group_by": group_by,
            "outcome": outcome, "connector_id": connector_id, "detail": detail, "compare_to": compare_to,
            "as_of": as_of, "include_filtered": include_filtered, "live_fallback": live_fallback,
            "timezone": timezone, "page": page, "page_rows": page_rows,
        }
    )  # fmt: skip
    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        refresh = partial(pull_now, session.database, session.settings)
        answer = asyncio.run(
            live_crm_report(
                session.database,
                mind=found,
                request=request,
                now=datetime.now(UTC),
                refresh=refresh,
                panoramic=format_ == ReportFormat.HTML,
            )
        )
    if format_ is None:
        output.show(answer, as_json=as_json, human=lambda: memory_views.report(render(answer, ReportFormat.MARKDOWN)))
    else:
        print(render(answer, ReportFormat(format_)))


@app.command()
def metrics(
    *,
    mind: MindOption = None,
    metric: Annotated[str | None, typer.Option(help="Only this figure, such as win_rate or closed_won.deals.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this figure.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Say what each figure means and how it is counted."""
    answer = _ask(customer, mind, "metrics", metric=metric, after=after)
    output.show(answer, as_json=as_json, human=lambda: memory_views.metrics(answer))


@app.command()
def account(
    company: Annotated[str, typer.Argument(help="Its name, domain or HubSpot id.")],
    *,
    mind: MindOption = None,
    connector_id: ConnectorOption = None,
    include_filtered: Annotated[
        bool, typer.Option("--include-filtered", help="What the filters leave out, too.")
    ] = False,
    audience: Annotated[
        str | None, typer.Option(help="client leaves people, single records' names, quoted reasons and ids out.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on with one of the lists, as its page before says.")] = None,
    format_: Annotated[Literal["json", "markdown"] | None, typer.Option("--format", help="How to print it.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show one company: who is known there, its deals and totals, and what is remembered of it."""
    asked = {"company": company, "connector_id": connector_id, "include_filtered": include_filtered,
             "audience": audience, "cursor": cursor}  # fmt: skip
    if as_json or format_ == "json":
        output.show_json(_ask(customer, mind, "account", **asked))
        return
    shown = _ask(customer, mind, "account", format="markdown", **asked)["content"]
    if format_ is None:
        output.show(shown, as_json=False, human=lambda: memory_views.report(shown))
    else:
        print(shown)


@app.command()
def leads(
    *,
    mind: MindOption = None,
    period: Annotated[str | None, typer.Option(help="As for report: this_quarter (the default), 2026-Q3 …")] = None,
    start: Annotated[str | None, typer.Option(help="First day, instead of a period.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last one.")] = None,
    group_by: Annotated[
        str | None, typer.Option(help="source, source_detail, country, region, owner, lifecycle_stage or month.")
    ] = None,
    connector_id: ConnectorOption = None,
    compare_to: Annotated[str | None, typer.Option(help="previous_period or previous_year.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The state of the CRM at that time.")] = None,
    include_filtered: Annotated[bool, typer.Option("--include-filtered", help="Count filtered contacts.")] = False,
    timezone: Annotated[str | None, typer.Option(help="An IANA zone such as America/Phoenix.")] = None,
    format_: Annotated[
        Literal["json", "markdown", "csv", "html"] | None, typer.Option("--format", help="How to print it.")
    ] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Report new contacts of a period, how far they got along the funnel, and which leads leaked."""
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import LeadRequest, ReportFormat, lead_report, render_leads

    request = LeadRequest.from_arguments(
        {
            "period": period, "start": start, "end": end, "group_by": group_by, "connector_id": connector_id,
            "compare_to": compare_to, "as_of": as_of, "include_filtered": include_filtered, "timezone": timezone,
        }
    )  # fmt: skip
    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        answer = lead_report(session.database, mind=found, request=request, now=datetime.now(UTC))
    if format_ is None:
        in_words = partial(render_leads, answer, ReportFormat.MARKDOWN)
        output.show(answer, as_json=as_json, human=lambda: memory_views.report(in_words()))
    else:
        print(render_leads(answer, ReportFormat(format_)))


def _is_number(memory: str) -> bool:
    # Python reads no number of more than 4300 digits, and no memory has one of more than 19.
    return memory.isdecimal() and len(memory) <= _ID_DIGITS_MAX


def _ask(customer: str, mind: str | None, action: str, **arguments: Any) -> dict[str, Any]:
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import memory_tool

    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        answer = asyncio.run(
            memory_tool(session.database, mind=found, action=action, now=datetime.now(UTC), **arguments)
        )
    return answer.model_dump(mode="json")
