"""What a sentence tells its reader to do, as data within it, which each face says in its own words.

A call of a tool stands between backticks: `connectors action=sync connector_id=ID`. What only the shell can do stands
there in brackets, behind words that say it without: "Start the installation (`coppermind up`)."
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shlex import quote

_VALUE = r'"[^"`]*"|[^\s`"]+'
_CALL = re.compile(rf"`(connectors|minds|memory) action=(\w+)((?: \w+=(?:{_VALUE}))*)`")
_ARGUMENT = re.compile(rf"(\w+)=({_VALUE})")
_COMMAND = re.compile(r" \(`coppermind [^()]*`\)")
_COMMAND_OF_A_MIND = re.compile(r"`(coppermind memory [^`]*)`")

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


def aimed(said: str, *, mind: str, mind_id: str, connector_id: str) -> str:
    """Return what was said with each call and command about one connector's mind, whichever mind its reader works on.

    Args:
        said: calls and commands in it may name no mind and no connector.
        mind: name of the connector's mind; `mind_id` stands for one that can't be told within a call.
        mind_id: of the same.
        connector_id: the connector's.
    """
    told = mind_id if re.search(r'["`()]', mind) else mind

    def aim(call: NamedCall) -> str:
        if call.tool == "connectors" and call.action != "connect":
            return _as_call(call, connector_id=connector_id)
        return _as_call(call, **({} if call.tool == "minds" else {"mind": told}))

    return _COMMAND_OF_A_MIND.sub(lambda found: f"`{found[1]} --mind {quote(told)}`", with_calls(said, aim))


def in_commands(said: str) -> str:
    """Return what was said with commands of the shell in place of the calls that it names."""
    return with_calls(said, _command)


def without_commands(said: str) -> str:
    """Return what was said without the commands of the shell, for whoever has none."""
    return _COMMAND.sub("", said)


def _command(call: NamedCall) -> str:
    arguments = [
        quote(value) if name in _BY_PLACE or call.tool == "minds" else f"--{name.replace('_', '-')} {quote(value)}"
        for name, value in call.arguments.items()
        if name not in _NOT_TOLD
    ]
    return f"`{' '.join(['coppermind', call.tool, _CALLED_OTHERWISE.get(call.action, call.action), *arguments])}`"


def _named(tool: str, action: str, arguments: str) -> NamedCall:
    return NamedCall(tool, action, {name: value.strip('"') for name, value in _ARGUMENT.findall(arguments)})


def _as_call(call: NamedCall, **added: str) -> str:
    arguments = [
        f'{name}="{value}"' if re.search(r"\s", value) else f"{name}={value}"
        for name, value in {**call.arguments, **added}.items()
    ]
    return f"`{' '.join([call.tool, f'action={call.action}', *arguments])}`"
