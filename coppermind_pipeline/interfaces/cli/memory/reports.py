"""`coppermind memory report`, `leads`, `account`, `brief`, `digest`, `metrics`: figures, and how they are counted."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

import typer

from coppermind_pipeline.interfaces.cli import completion, output
from coppermind_pipeline.interfaces.cli.memory.asking import ConnectorOption, ReaderOption, ask
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption, open_session
from coppermind_pipeline.interfaces.cli.views import memory as memory_views

PeriodOption = Annotated[
    str | None,
    typer.Option(help="As for report: this_quarter (the default), 2026-Q3 …", autocompletion=completion.periods),
]


def report(
    *,
    mind: MindOption = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="this_quarter (the default), last_month, 2026-11, 2026-Q3, 2026-W47, FY2026, FY2026-Q3 and so on, "
            "or as you would write it, such as 'Q3 2026'.",
            autocompletion=completion.periods,
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
            "loss_reason.",
            autocompletion=completion.report_groups,
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
    audience: ReaderOption = None,
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
            "timezone": timezone, "audience": audience, "page": page, "page_rows": page_rows,
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


def metrics(
    *,
    mind: MindOption = None,
    metric: Annotated[str | None, typer.Option(help="Only this figure, such as win_rate or closed_won.deals.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this figure.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Say what each figure means and how it is counted."""
    answer = ask(customer, mind, "metrics", metric=metric, after=after)
    output.show(answer, as_json=as_json, human=lambda: memory_views.metrics(answer))


def account(
    company: Annotated[str, typer.Argument(help="Its name, domain or HubSpot id.")],
    *,
    mind: MindOption = None,
    connector_id: ConnectorOption = None,
    include_filtered: Annotated[
        bool, typer.Option("--include-filtered", help="What the filters leave out, too.")
    ] = False,
    audience: ReaderOption = None,
    cursor: Annotated[str | None, typer.Option(help="Go on with one of the lists, as its page before says.")] = None,
    format_: Annotated[Literal["json", "markdown"] | None, typer.Option("--format", help="How to print it.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show one company: who is known there, its deals and totals, and what is remembered of it."""
    asked = {"company": company, "connector_id": connector_id, "include_filtered": include_filtered,
             "audience": audience, "cursor": cursor}  # fmt: skip
    if as_json or format_ == "json":
        output.show_json(ask(customer, mind, "account", **asked))
        return
    shown = ask(customer, mind, "account", format="markdown", **asked)["content"]
    if format_ is None:
        output.show(shown, as_json=False, human=lambda: memory_views.report(shown))
    else:
        print(shown)


def leads(
    *,
    mind: MindOption = None,
    period: PeriodOption = None,
    start: Annotated[str | None, typer.Option(help="First day, instead of a period.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last one.")] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="source, source_detail, country, region, owner, lifecycle_stage or month.",
            autocompletion=completion.lead_groups,
        ),
    ] = None,
    connector_id: ConnectorOption = None,
    compare_to: Annotated[str | None, typer.Option(help="previous_period or previous_year.")] = None,
    as_of: Annotated[str | None, typer.Option(help="The state of the CRM at that time.")] = None,
    include_filtered: Annotated[bool, typer.Option("--include-filtered", help="Count filtered contacts.")] = False,
    timezone: Annotated[str | None, typer.Option(help="An IANA zone such as America/Phoenix.")] = None,
    audience: ReaderOption = None,
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
            "audience": audience,
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


def brief(
    *,
    mind: MindOption = None,
    period: PeriodOption = None,
    start: Annotated[str | None, typer.Option(help="First day, instead of a period.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last one.")] = None,
    compare_to: Annotated[str | None, typer.Option(help="previous_period (the default) or previous_year.")] = None,
    agency: Annotated[str | None, typer.Option(help="Who hands it over; stands at its top.")] = None,
    connector_id: ConnectorOption = None,
    timezone: Annotated[str | None, typer.Option(help="An IANA zone such as America/Phoenix.")] = None,
    format_: Annotated[
        Literal["html", "markdown", "json"] | None,
        typer.Option("--format", help="html is a file that prints to one page."),
    ] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Sum a period up on one page for the client: numbers, revenue, sources, losses, what to know."""
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import BriefRequest, brief_html, brief_markdown
    from coppermind_pipeline.reports import brief as made_brief

    request = BriefRequest.from_arguments(
        {"period": period, "start": start, "end": end, "compare_to": compare_to, "agency": agency,
         "connector_id": connector_id, "timezone": timezone, "format": format_}
    )  # fmt: skip
    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        answer = made_brief(session.database, mind=found, request=request, now=datetime.now(UTC))
    if format_ == "html":
        print(brief_html(answer))
    elif format_ == "markdown":
        print(brief_markdown(answer))
    else:
        as_json = as_json or format_ == "json"
        output.show(answer, as_json=as_json, human=lambda: memory_views.report(brief_markdown(answer)))


def digest(
    *,
    mind: Annotated[str | None, typer.Option(help="Only this mind; by default all of them.")] = None,
    since: Annotated[str | None, typer.Option(help="First day, by default seven days ago.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Show all minds at a glance, the worst first: state, won and lost since then, what needs a person."""
    from coppermind_pipeline.accounts import resolve_mind
    from coppermind_pipeline.reports import DigestRequest, digest_markdown
    from coppermind_pipeline.reports import digest as made_digest
    from coppermind_pipeline.retelling import retold

    now = datetime.now(UTC)
    request = DigestRequest.from_arguments({"since": since}, now=now)
    with open_session(customer) as session:
        found = None if mind is None else resolve_mind(session.database, session.caller, mind)
        answer = made_digest(session.database, session.caller, request=request, now=now, mind=found)
    output.show(
        answer, as_json=as_json, human=lambda: memory_views.report(digest_markdown(retold(answer, output.in_commands)))
    )
