"""`coppermind memory`: what a mind remembers, its queue, and the reports."""

import typer

from coppermind_pipeline.interfaces.cli.memory.changes import changes
from coppermind_pipeline.interfaces.cli.memory.explain import explain
from coppermind_pipeline.interfaces.cli.memory.memories import get, list_, queue, search
from coppermind_pipeline.interfaces.cli.memory.reports import account, brief, digest, leads, metrics, report

app = typer.Typer(help="What a mind remembers, its queue, and all reports and answers.", no_args_is_help=True)
app.command()(search)
app.command("list")(list_)
app.command()(get)
app.command()(queue)
app.command()(report)
app.command()(metrics)
app.command()(account)
app.command()(leads)
app.command()(brief)
app.command()(changes)
app.command()(digest)
app.command()(explain)
