"""The kinds of memory, who may see them, and the stable names of what they speak of."""

from enum import StrEnum

from coppermind_pipeline.object_types import ObjectType


class MemoryType(StrEnum):
    """What a memory is; the word in the store, in JSON and in the arguments of the tool."""

    CAMPAIGN_OUTCOME = "campaign_outcome"
    OBJECTION = "objection"
    PAIN_POINT = "pain_point"
    BUYING_SIGNAL = "buying_signal"
    STAKEHOLDER = "stakeholder"
    FACT = "fact"


class Sensitivity(StrEnum):
    """Whether a memory may appear in what a client sees (`open`) or not (`sensitive`)."""

    OPEN = "open"
    SENSITIVE = "sensitive"


class Audience(StrEnum):
    """Who will read an answer; sensitive memories are left out for a client."""

    INTERNAL = "internal"
    CLIENT = "client"


def record_ref(connector_id: str, object_type: ObjectType, hubspot_id: str) -> str:
    """Return the source ref of a record's memory."""
    return f"hubspot:{connector_id}:{object_type}:{hubspot_id}"


def aggregate_ref(connector_id: str, period_key: str, scope: str) -> str:
    """Return the source ref of an aggregate's memory: the same for each try within its period."""
    return f"hubspot:{connector_id}:aggregate:{period_key}:{scope}"
