"""`coppermind memory changes`: what changed in the open pipeline since a date."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

import typer

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.memory.asking import ConnectorOption, ReaderOption
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption, open_session
from coppermind_pipeline.interfaces.cli.views import memory as memory_views


def changes(
    *,
    mind: MindOption = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A date, a time, yesterday, or a period such as last_month; the end of last month by default.",
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Likewise; now by default.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="One pipeline alone, by its name or id.")] = None,
    connector_id: ConnectorOption = None,
    period_end: Annotated[
        str | None, typer.Option(help="The day that close dates are pushed across; the quarter's end by default.")
    ] = None,
    step: Annotated[str | None, typer.Option(help="List the deals of this step alone, such as won.")] = None,
    audience: ReaderOption = None,
    timezone: Annotated[str | None, typer.Option(help="An IANA zone such as America/Phoenix.")] = None,
    page: Annotated[int | None, typer.Option(min=1, help="Page of the deals.")] = None,
    page_rows: Annotated[int | None, typer.Option(min=1, help="Deals on a page.")] = None,
    format_: Annotated[
        Literal["json", "markdown", "csv", "html"] | None, typer.Option("--format", help="How to print it.")
    ] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Say what changed in the open pipeline since a date, step by step, and which deals did."""
    from coppermind_pipeline import reports
    from coppermind_pipeline.accounts import resolve_mind

    request = reports.ChangesRequest.from_arguments(
        {
            "from": from_, "to": to, "pipeline": pipeline, "connector_id": connector_id, "period_end": period_end,
            "step": step, "audience": audience, "timezone": timezone, "page": page, "page_rows": page_rows,
        }
    )  # fmt: skip
    with open_session(customer) as session:
        found = resolve_mind(session.database, session.caller, mind)
        answer = reports.changes(session.database, mind=found, request=request, now=datetime.now(UTC))
    if format_ is None:
        in_words = partial(reports.render_changes, answer, reports.ReportFormat.MARKDOWN)
        output.show(answer, as_json=as_json, human=lambda: memory_views.report(in_words()))
    else:
        print(reports.render_changes(answer, reports.ReportFormat(format_)))
