"""The texts of the five aggregates: pure functions of figures, of those before, and of the portal's labels."""

from coppermind_pipeline.synthesis.texts.channel_mix import channel_mix_text
from coppermind_pipeline.synthesis.texts.geography import geography_text
from coppermind_pipeline.synthesis.texts.lead_leaks import lead_leaks_text
from coppermind_pipeline.synthesis.texts.loss_themes import loss_themes_text
from coppermind_pipeline.synthesis.texts.strategy import strategy_text
from coppermind_pipeline.synthesis.texts.wording import Coverage, Wording

__all__ = [
    "Coverage",
    "Wording",
    "channel_mix_text",
    "geography_text",
    "lead_leaks_text",
    "loss_themes_text",
    "strategy_text",
]
