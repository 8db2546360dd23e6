"""How the command line answers: a person's tables or a machine's JSON, and errors with what to do about them."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup
from typer.exceptions import TyperException

from coppermind_pipeline.errors import CoppermindError, UsageError
from coppermind_pipeline.logs import standard_error
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline.wording import visible_text, visible_values

_JSON = "--json"
_HELP = "The command's --help says what it takes."

# What people call things may look like markup ("[bold]") or an emoji's name (":bug:"), and is printed as it is.
_AS_IT_IS: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}

JsonOption = Annotated[bool, typer.Option(_JSON, help="Print the answer as JSON.")]


class ErrorsForPeople(TyperGroup):
    """The root of all commands: an error that a person can act on becomes its message, its hint and an exit code.

    So does what the machine refuses, whoever met it. What is left is a fault of the program, and shows its traceback.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember whether JSON is asked for: a call that can't be understood is answered in it, too."""
        ctx.meta[_JSON] = _JSON in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; exit 1 where it failed, 2 where the call was wrong."""
        try:
            return super().invoke(ctx)
        except TyperException as error:  # of an option, a command, a type or a range: the library's to say
            error.message = error.message.removeprefix("Value error, ")
            if not ctx.meta[_JSON]:
                raise
            show_error(UsageError(error.format_message(), hint=_HELP), as_json=True)
            raise typer.Exit(UsageError.exit_code) from error
        except Exception as error:
            from coppermind_pipeline.interfaces.faults import known_fault

            if (known := known_fault(error)) is None:
                raise
            show_error(known, as_json=ctx.meta[_JSON])
            raise typer.Exit(known.exit_code) from error


@cache
def console() -> Console:
    """Return standard output: coloured on a terminal, plain elsewhere, where long lines stay whole."""
    terminal = _Console(**_AS_IT_IS)
    return terminal if terminal.is_terminal else _Console(**_AS_IT_IS, soft_wrap=True, width=200)


@cache
def error_console() -> Console:
    """Return standard error, where progress, notes and errors go, so that an answer can be piped on."""
    return _Console(**_AS_IT_IS, file=standard_error, soft_wrap=True)


class _Console(Console):
    """A console that prints what can be seen: names and messages may come from anywhere."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as ever, but for what steers the terminal beside Rich's own control codes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible_text(segment.text), segment.style)


def show(answer: Any, *, as_json: bool, human: Callable[[], RenderableType]) -> None:
    """Print one answer: the tool's own response as JSON, or what `human` makes of it."""
    if as_json:
        show_json(answer)
    else:
        console().print(human())


def show_json(answer: Any) -> None:
    """Print a value as JSON: amounts as decimal strings, times as RFC 3339.

    At once, also into a pipe: some commands go on to serve, and whoever started them waits for these lines.
    """
    from pydantic_core import to_jsonable_python

    print(json.dumps(visible_values(to_jsonable_python(answer)), indent=2, ensure_ascii=False), flush=True)


def show_error(error: CoppermindError, *, as_json: bool) -> None:
    """Print an error: as `{"error": …}` for a machine, else its message and its hint on standard error."""
    if as_json:
        try:
            show_json(error.as_response())
        except OSError:  # a full disk, perhaps: it is told on standard error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python fails once more as it ends
        else:
            return
    error_console().print(Text.assemble(("Error: ", "bold red"), in_commands(error.message)))
    if error.hint:
        error_console().print(Text(in_commands(error.hint), style="dim"))


def note(message: str) -> None:
    """Tell a person something beside the answer."""
    error_console().print(Text(in_commands(message), style="dim"))


def table(*columns: str, rows: Iterable[Iterable[RenderableType | None]], empty: str) -> RenderableType:
    """Return rows under headings, or the sentence `empty` where there are none; None is shown as a dash."""
    shown = [[_cell(cell) for cell in row] for row in rows]
    if not shown:
        return Text(empty)
    result = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in shown:
        result.add_row(*row)
    return result


def _cell(value: RenderableType | None) -> RenderableType:
    # Text, not str: what comes from HubSpot may hold square brackets, which Rich would read as markup.
    return Text(value or "-") if value is None or isinstance(value, str) else value
