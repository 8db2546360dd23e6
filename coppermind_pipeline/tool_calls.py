"""What every tool checks of a call before it does anything: that the action exists, and takes what was given."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.wording import did_you_mean

# The largest number that a row of ours can have.
ID_MAX = 2**63 - 1


class ToolArgumentError(UsageError):
    """An argument of the tool can't be used."""

    code = "tool_argument"


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a tool: what answers it, the arguments it takes, and those of them that it can't do without."""

    answer: Callable[..., Any]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    async def run(self, *arguments: Any) -> Any:
        """Return the answer; what would block is answered on a thread."""
        if inspect.iscoroutinefunction(self.answer):
            return await self.answer(*arguments)
        return await asyncio.to_thread(self.answer, *arguments)


def find_action(tool: str, actions: Mapping[str, Action], action: str, given: Mapping[str, Any]) -> Action:
    """Return the action of that name.

    Raises:
        ToolArgumentError: there is none, it does not take an argument that was given, or it needs one that was not.
    """
    found = actions.get(action)
    if found is None:
        raise ToolArgumentError(f"{tool} has no action {action!r}.", hint=_nearest(action, actions, "Its actions are"))
    for name in sorted(given.keys() - found.takes):
        raise unknown_argument(action, name, found.takes)
    for name in found.needs:
        if name not in given:
            raise ToolArgumentError(f"{action} needs a {name}.", hint=f"Call `{tool} action={action} {name}=…`")
    return found


def number_within(name: str, value: int, *, most: int = ID_MAX) -> int:
    """Return an argument that counts from 1; raises ToolArgumentError where it lies outside of its range."""
    if not 1 <= value <= most:
        raise ToolArgumentError(
            f"{name} is {_shown(value)}, which is not within 1 to {most}.", hint=f"Leave {name} out."
        )
    return value


def unknown_argument(taker: str, name: str, known: tuple[str, ...]) -> ToolArgumentError:
    """Return the error for an argument that a tool or an action does not take; it names the nearest that it does."""
    return ToolArgumentError(f"{taker} takes no {name!r}.", hint=_nearest(name, known, "It takes"))


def _shown(value: int) -> str:
    return str(value) if abs(value) <= ID_MAX else "a number of more than 18 digits"


def _nearest(word: str, known: Mapping[str, Any] | tuple[str, ...], otherwise: str) -> str:
    return did_you_mean(
        word, known, otherwise=f"{otherwise} {', '.join(known)}." if known else "It takes no arguments."
    )
