"""`coppermind memory explain`: where a number comes from."""

from functools import partial
from typing import Annotated

import typer

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.interfaces.cli.memory.asking import ask
from coppermind_pipeline.interfaces.cli.session import CustomerOption, MindOption
from coppermind_pipeline.interfaces.cli.views import memory as memory_views


def explain(
    figure: Annotated[
        str,
        typer.Argument(
            help="audit.answer_id of a report (--json), # and the number's path: ID#summary.closed_won.deals"
        ),
    ],
    *,
    mind: MindOption = None,
    cursor: Annotated[str | None, typer.Option(help="Go on with the deals, as the page before says.")] = None,
    customer: CustomerOption = "local",
    as_json: output.JsonOption = False,
) -> None:
    """Say where a number of an earlier report comes from: its definition, its deals, whether it is the same today."""
    from coppermind_pipeline.reports import Explanation, explanation_markdown

    answer = ask(customer, mind, "explain", figure=figure, cursor=cursor)
    in_words = partial(explanation_markdown, Explanation.model_validate(answer))
    output.show(answer, as_json=as_json, human=lambda: memory_views.report(in_words()))
