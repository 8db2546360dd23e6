"""The text of a lost deal that gives a reason: what was lost, and why."""

from coppermind_pipeline.crm import recorded_loss_theme
from coppermind_pipeline.memories.memory_types import MemoryType
from coppermind_pipeline.memories.texts.deals import (
    circumstances,
    closed,
    deal_with,
    ended_in,
    reason,
    without_amount,
    worth,
)
from coppermind_pipeline.memories.texts.phrases import Wording, joined
from coppermind_pipeline.memories.texts.subjects import Deal


def loss_text(deal: Deal, wording: Wording) -> str:
    """Return what was lost, and the reason that was given."""
    of_worth = f", worth {worth(deal, wording)}," if deal.amount is not None else ""
    given = reason(deal, wording.loss_reason_property, deal.loss_reason, wording)
    return joined(
        f"{deal_with(deal)}{of_worth} was lost {closed(deal, wording)}{without_amount(deal)}",
        f'The reason given: "{given}"' if given else "A reason was given that HubSpot has no label for",
        ended_in(deal, wording),
        *circumstances(deal, wording),
    )


def type_of_loss(given: str, wording: Wording) -> MemoryType:
    """Return whether a reason is an objection or names a pain point, by its theme."""
    theme = recorded_loss_theme(given, wording.labels.loss_reason(wording.loss_reason_property, given))
    return MemoryType(theme.memory_type) if theme is not None else MemoryType.OBJECTION
