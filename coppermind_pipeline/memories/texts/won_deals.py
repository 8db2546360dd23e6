"""The text of a won deal: what was won, with whom and through which source."""

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


def campaign_outcome_text(deal: Deal, wording: Wording) -> str:
    """Return what was won."""
    for_worth = f" for {worth(deal, wording)}" if deal.amount is not None else ""
    given = reason(deal, "closed_won_reason", deal.won_reason, wording)
    return joined(
        f"{deal_with(deal)} was won {closed(deal, wording)}{for_worth}{without_amount(deal)}",
        f'The reason given: "{given}"' if given else None,
        ended_in(deal, wording),
        *circumstances(deal, wording),
    )
