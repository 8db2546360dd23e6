"""The command line. Each module is one group of commands; each command calls one function of the rooms below.

Modules of a group import heavy libraries inside their commands, so that `coppermind --help` answers at once.
"""

import sys
from io import TextIOWrapper

from coppermind_pipeline.stopping import end_at_signals, ended_at_signals


def main() -> None:
    """Run the command line; the entry point `coppermind`."""
    if isinstance(sys.stdout, TextIOWrapper):
        _take_any_character(sys.stdout)
    with ended_at_signals():  # nothing has begun yet
        from coppermind_pipeline.interfaces.cli.app import app
    try:
        app()
    finally:
        end_at_signals()  # nothing but leaving is left to do


def _take_any_character(output: TextIOWrapper) -> None:
    """Let files and pipes be UTF-8 in any locale, and a terminal show a question mark for what it does not have."""
    if output.isatty():
        output.reconfigure(errors="replace")
    else:
        output.reconfigure(encoding="utf-8")


__all__ = ["main"]
