"""What a sentence tells its reader to do, as data within it, which each face says in its own words.

A call of a tool stands between backticks: `connectors action=sync connector_id=ID`. What only the shell can do stands
there in brackets, behind words that say it without: "Start the installation (`coppermind up`)."
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_CALL = re.compile(r"`(connectors|minds|memory) action=(\w+)((?: \w+=[^\s`]+)*)`")
_COMMAND = re.compile(r" \(`coppermind [^()]*`\)")

_CALLED_OTHERWISE = {"crm_report": "report", "lead_report": "leads"}
# Arguments of tools that commands take by their place; the only source is not told at all.
_BY_PLACE = frozenset({"connector_id", "name", "company", "query", "figure"})
_NOT_TOLD = frozenset({"source_type"})


@dataclass(frozen=True, slots=True)
class NamedCall:
    """A call of a tool that a sentence names."""

    tool: str
    action: str
    arguments: Mapping[str, str]


def with_calls(said: str, words: Callable[[NamedCall], str]) -> str:
    """Return what was said with each call that it names in a face's own words."""
    return _CALL.sub(lambda found: words(_named(*found.groups())), said)


def in_commands(said: str) -> str:
    """Return what was said with commands of the shell in place of the calls that it names."""
    return with_calls(said, _command)


def without_commands(said: str) -> str:
    """Return what was said without the commands of the shell, for whoever has none."""
    return _COMMAND.sub("", said)


def _command(call: NamedCall) -> str:
    arguments = [
        value if name in _BY_PLACE or call.tool == "minds" else f"--{name.replace('_', '-')} {value}"
        for name, value in call.arguments.items()
        if name not in _NOT_TOLD
    ]
    return f"`{' '.join(['coppermind', call.tool, _CALLED_OTHERWISE.get(call.action, call.action), *arguments])}`"


def _named(tool: str, action: str, arguments: str) -> NamedCall:
    pairs = (argument.partition("=") for argument in arguments.split())
    return NamedCall(tool, action, {name: value for name, _, value in pairs})
