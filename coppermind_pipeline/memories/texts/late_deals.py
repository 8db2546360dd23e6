"""The text of an open deal in a late stage: what is about to be decided, or should have been."""

from coppermind_pipeline.memories.texts.deals import circumstances, deal_with, stage_phrase, without_amount, worth
from coppermind_pipeline.memories.texts.phrases import Wording, joined
from coppermind_pipeline.memories.texts.subjects import Deal
from coppermind_pipeline.wording import exact_percent


def buying_signal_text(deal: Deal, wording: Wording) -> str:
    """Return what is about to be decided."""
    of_worth = f", worth {worth(deal, wording)}," if deal.amount is not None else ""
    since = f", since {wording.day(deal.entered_stage_at)}" if deal.entered_stage_at else ""
    return joined(
        f"{deal_with(deal)}{of_worth} is open in a late stage, {stage_phrase(deal, wording)}{since}"
        f"{without_amount(deal)}",
        _expected(deal, wording),
        _chances(deal),
        *circumstances(deal, wording),
    )


def _expected(deal: Deal, wording: Wording) -> str:
    if deal.close_at is None:
        return "No close date is set"
    if wording.has_passed(deal.close_at):
        return f"It is overdue: its close date, {wording.close_day(deal.close_at)}, has passed"
    return f"It is expected to close on {wording.close_day(deal.close_at)}"


def _chances(deal: Deal) -> str | None:
    if deal.stage_probability is None:
        return None
    text = f"HubSpot gives this stage a probability of {exact_percent(deal.stage_probability)}"
    if deal.probability is not None and deal.probability != deal.stage_probability:
        text += f", and the deal itself {exact_percent(deal.probability)}"
    return text
