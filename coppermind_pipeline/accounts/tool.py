"""The `minds` tool: which client a caller works on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coppermind_pipeline.accounts.customers import Caller
from coppermind_pipeline.accounts.minds import (
    Mind,
    MindKind,
    create_mind,
    list_minds,
    resolve_mind,
    switch_mind,
    update_mind,
)
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import Action, find_action


class MindsAction(StrEnum):
    """What the tool can be asked for."""

    CREATE = "create"
    LIST = "list"
    SWITCH = "switch"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class MindList:
    """The minds asked for, by name; the caller's active one is marked."""

    minds: tuple[Mind, ...]


def minds_tool(database: Database, caller: Caller, *, action: str, **arguments: Any) -> Mind | MindList:
    """Answer one call of the `minds` tool.

    Actions and their arguments, of which None counts as not given:
        create: `name`, `kind`, `domains`.
        list: `mind` for one alone.
        switch: `mind`, which calls mean from then on that name none.
        update: `mind` (the active one by default); of it `name`, `kind`, `domains`.

    Raises:
        ToolArgumentError: no such action, or not with these arguments.
        UsageError: of the action, where an argument can't be used.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    return find_action("minds", _ACTIONS, action, given).answer(database, caller, **given)


def _create(
    database: Database, caller: Caller, *, name: str, kind: str = MindKind.CLIENT, domains: Iterable[str] = ()
) -> Mind:
    return create_mind(database, caller, name, kind=kind, domains=domains)


def _list(database: Database, caller: Caller, *, mind: str | None = None) -> MindList:
    found = list_minds(database, caller) if mind is None else [resolve_mind(database, caller, mind)]
    return MindList(tuple(found))


def _switch(database: Database, caller: Caller, *, mind: str) -> Mind:
    return switch_mind(database, caller, mind)


def _update(
    database: Database,
    caller: Caller,
    *,
    mind: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    domains: Iterable[str] | None = None,
) -> Mind:
    return update_mind(database, caller, mind, new_name=name, kind=kind, domains=domains)


_ACTIONS: Mapping[str, Action] = {
    MindsAction.CREATE: Action(_create, takes=("name", "kind", "domains"), needs=("name",)),
    MindsAction.LIST: Action(_list, takes=("mind",)),
    MindsAction.SWITCH: Action(_switch, takes=("mind",), needs=("mind",)),
    MindsAction.UPDATE: Action(_update, takes=("mind", "name", "kind", "domains")),
}
