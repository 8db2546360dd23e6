"""The command line. Each module is one group of commands; each command calls one function of the rooms below.

Modules of a group import heavy libraries inside their commands, so that `coppermind --help` answers at once.
"""

from coppermind_pipeline.interfaces.cli.app import app, main

__all__ = ["app", "main"]
