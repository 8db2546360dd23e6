"""`memory action=search`, `get` and `list`: what is remembered, behind the trust block of its connectors."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline import memories
from coppermind_pipeline.memories import Audience, Sensitivity, UnknownMemory
from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.models import FoundMemories, ListedMemories, OneMemory
from coppermind_pipeline.tool_calls import Action, ToolArgumentError


def _search(call: Call, given: Mapping[str, Any]) -> FoundMemories:
    found = memories.search(call.database, mind_id=call.mind.id, **given)
    answer = FoundMemories(
        trust=call.trust(found.memories, connector_id=given.get("connector_id")),
        memories=found.memories,
        more=found.more,
        ranked_max=found.ranked_max,
        did_you_mean=found.did_you_mean,
    )
    while not fits(answer) and len(answer.memories) > 1:
        answer = answer.model_copy(update={"memories": answer.memories[:-1], "more": True})
    return answer


def _get(call: Call, given: Mapping[str, Any]) -> OneMemory:
    audience = given.get("audience")
    if audience is not None and audience not in set(Audience):
        raise ToolArgumentError(f"audience takes {', '.join(Audience)}; not {audience!r}.")
    wanted = {name: value for name, value in given.items() if name != "audience"}
    memory = memories.get(call.database, mind_id=call.mind.id, **wanted)
    if audience == Audience.CLIENT and memory.sensitivity is not Sensitivity.OPEN:
        raise UnknownMemory("This memory is not for a client's eyes.", hint="Leave audience out for internal use.")
    return OneMemory(trust=call.trust([memory]), memory=memory)


def _list(call: Call, given: Mapping[str, Any]) -> ListedMemories:
    """Return the page; the one after begins with what did not fit into the answer."""
    listed = memories.list_memories(call.database, mind_id=call.mind.id, **given)
    answer = ListedMemories(
        trust=call.trust(listed.memories, connector_id=given.get("connector_id")),
        memories=listed.memories,
        next_before=listed.next_before,
    )
    while not fits(answer) and len(answer.memories) > 1:
        kept = answer.memories[:-1]
        answer = answer.model_copy(update={"memories": kept, "next_before": kept[-1].id})
    return answer


_SELECTION = (
    "types", "sensitivity", "audience", "connector_id", "limit", "include_superseded", "period_key", "company",
    "outcome", "since", "until",
)  # fmt: skip

SEARCH = Action(_search, takes=("query", *_SELECTION), needs=("query",))
GET = Action(_get, takes=("memory_id", "source_ref", "audience"))
LIST = Action(_list, takes=(*_SELECTION, "before"))
