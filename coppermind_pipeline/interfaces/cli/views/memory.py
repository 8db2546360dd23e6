"""How the command line shows what the memory tool answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from coppermind_pipeline.interfaces.cli import output
from coppermind_pipeline.wording import as_words, number, utc_minute


def found(answer: Mapping[str, Any]) -> RenderableType:
    """Show the memories of a search or a list, behind what they can be trusted for."""
    parts: list[RenderableType] = [_trust(answer["trust"])]
    corrections = answer.get("did_you_mean") or {}
    parts += [Text(f"No memory has “{word}”; searched for “{instead}”.") for word, instead in corrections.items()]
    parts += [_memory(memory) for memory in answer["memories"]]
    if not answer["memories"]:
        parts.append(Text("There is no such memory."))
    if answer.get("next_before") is not None:
        parts.append(Text(f"There are more: --before {answer['next_before']}", style="dim"))
    if answer.get("more"):
        parts.append(Text("There are more; a narrower search shows them.", style="dim"))
    if answer.get("ranked_max"):
        ranked = number(answer["ranked_max"])
        parts.append(Text(f"More match than the {ranked} that were ranked; more words narrow it down.", style="dim"))
    return Group(*parts)


def one(answer: Mapping[str, Any]) -> RenderableType:
    """Show one memory."""
    return Group(_trust(answer["trust"]), _memory(answer["memory"]))


def metrics(answer: Mapping[str, Any]) -> RenderableType:
    """Show what figures mean; one alone with all that is said of it."""
    found = answer["metrics"]
    if len(found) == 1:
        rows = ((name.replace("_", " "), _listed(value)) for name, value in found[0].items() if value)
        return output.table("", "", rows=rows, empty="")
    rows = ((each["id"], each["label"], each["unit"], each["definition"]) for each in found)
    parts: list[RenderableType] = [output.table("Figure", "Name", "Unit", "What it is", rows=rows, empty="")]
    if answer["next_after"] is not None:
        parts.append(Text(f"There are more: --after {answer['next_after']}", style="dim"))
    return Group(*parts)


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return value if isinstance(value, str) else ", ".join(value)


def queues(queues: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Show each connector's queue: its counts, then its entries."""
    parts: list[RenderableType] = []
    for queue in queues:
        status = queue["status"]
        parts.append(
            Text(
                f"{queue['connector_id']}: {number(status.pending)} pending, {number(status.in_progress)} in progress, "
                f"{number(status.dead)} failed for good"
                + (f"; {number(queue['replayed'])} will be tried again" if queue["replayed"] else "")
            )
        )
        if queue["entries"]:
            rows = (
                (e.source_ref, e.operation, e.state, str(e.attempts), utc_minute(e.enqueued_at), e.last_error)
                for e in queue["entries"]
            )
            heads = ("Source ref", "To do", "State", "Attempts", "Since", "Last error")
            parts += [output.table(*heads, rows=rows, empty=""), Text("")]
    return Group(*parts) if parts else Text("This mind has no connector, hence no queue.")


def report(markdown: str) -> RenderableType:
    """Show a report: laid out on a terminal, as its markdown elsewhere."""
    return Markdown(markdown) if output.console().is_terminal else Text(markdown)


def _trust(trust: Mapping[str, Any]) -> Text:
    if not trust["connector_ids"] and trust["mind_id"] is not None:  # a client's answer names neither
        return Text(f"Mind {trust['mind']}: no HubSpot portal is connected yet", style="dim")
    synced = trust["last_successful_sync"]
    when = f"synced {_minute(synced)} UTC" if synced else "not completely synced yet"
    return Text(
        f"Mind {trust['mind']}: {when}, {as_words(trust['freshness'])}; "
        f"backfill {'complete' if trust['backfill_complete'] else 'not complete'}; "
        f"portals {', '.join(map(str, trust['portal_ids'])) or 'none'}",
        style="dim",
    )


def _memory(memory: Mapping[str, Any]) -> RenderableType:
    origin = memory["provenance"]
    left = memory["retired_reason"] or ("superseded" if memory["superseded_at"] else None)
    head = Text.assemble(
        (f"{memory['id']}  ", "dim"),
        (as_words(memory["type"]), "bold"),
        (f"  {memory['sensitivity']}", "yellow" if memory["sensitivity"] == "sensitive" else "green"),
        (f"  {left}" if left else "", "red"),
    )
    tail = " · ".join(
        part
        for part in (
            memory["source_ref"],
            origin["url"],
            f"as of {_minute(origin['as_of'])}" if origin["as_of"] else "",
        )
        if part
    )
    return Group(Text(""), head, Text(memory["content"]), Text(tail, style="dim"))


def _minute(moment: str) -> str:
    return utc_minute(datetime.fromisoformat(moment))
