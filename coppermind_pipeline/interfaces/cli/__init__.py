"""The command line. Each module is one group of commands; each command calls one function of the rooms below.

Modules of a group import heavy libraries inside their commands, so that `coppermind --help` answers at once.
"""

from coppermind_pipeline.stopping import end_at_signals, ended_at_signals


def main() -> None:
    """Run the command line; the entry point `coppermind`."""
    with ended_at_signals():  # nothing has begun yet
        from coppermind_pipeline.interfaces.cli.app import app
    try:
        app()
    finally:
        end_at_signals()  # nothing but leaving is left to do


__all__ = ["main"]
