"""Texts: which signal each record is, and so which memory it makes; each signal's text has a module of its own.

Pure functions of a record, of what it names, and of the portal's labels. HubSpot's internal values and ids never
appear: where a label can't be resolved, the text says so in words.
"""

from dataclasses import dataclass

from coppermind_pipeline.memories.memory_types import MemoryType, Sensitivity
from coppermind_pipeline.memories.texts.companies import company_text
from coppermind_pipeline.memories.texts.contacts import contact_text
from coppermind_pipeline.memories.texts.late_deals import buying_signal_text
from coppermind_pipeline.memories.texts.lost_deals import loss_text, type_of_loss
from coppermind_pipeline.memories.texts.phrases import Wording
from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal, Standing
from coppermind_pipeline.memories.texts.won_deals import campaign_outcome_text

# Part of what a mapping's rules are: raised with each change of a text, or of what is noted of it, so that all records
# are mapped again.
TEXT_VERSION = 5

_ARCHIVED_REASONS = {
    "archived": "archived in HubSpot",
    "merged": "merged into another record in HubSpot",
    "purged": "deleted in HubSpot",
    "erased": "erased for privacy in HubSpot",
}


@dataclass(frozen=True, slots=True)
class MemoryText:
    """A memory as it is to be published."""

    type: MemoryType
    sensitivity: Sensitivity
    content: str


@dataclass(frozen=True, slots=True)
class NoMemory:
    """A record that gets no memory, and loses the one it has; `reason` is for people."""

    reason: str


def memory_of(subject: Contact | Company | Deal, wording: Wording) -> MemoryText | NoMemory:
    """Return the memory that a record makes, or why it makes none."""
    reason = _withheld(subject.standing)
    if reason is not None:
        return NoMemory(reason)
    match subject:
        case Contact():
            return MemoryText(MemoryType.STAKEHOLDER, Sensitivity.OPEN, contact_text(subject, wording))
        case Company():
            return MemoryText(MemoryType.FACT, Sensitivity.OPEN, company_text(subject, wording))
        case Deal():
            return _deal_memory(subject, wording)


def _withheld(standing: Standing) -> str | None:
    if standing.archived_reason is not None:
        return _ARCHIVED_REASONS[standing.archived_reason]
    if standing.filtered_reason is not None:
        return f"filtered: {standing.filtered_reason}"
    return "outside the synced window" if standing.referenced_only else None


def _deal_memory(deal: Deal, wording: Wording) -> MemoryText | NoMemory:
    match deal.outcome:
        case "won":
            memory_type, content = MemoryType.CAMPAIGN_OUTCOME, campaign_outcome_text(deal, wording)
        case "lost" if deal.loss_reason is not None:
            memory_type, content = type_of_loss(deal.loss_reason, wording), loss_text(deal, wording)
        case "lost":
            return NoMemory("lost without a reason")
        case "open" if deal.late_stage:
            memory_type, content = MemoryType.BUYING_SIGNAL, buying_signal_text(deal, wording)
        case _:
            return NoMemory("open, not in a late stage")
    return MemoryText(memory_type, Sensitivity.SENSITIVE, content)
