"""Scheduled synthesis: five aggregates of a connector's CRM history, once per week or month, as texts."""

from coppermind_pipeline.synthesis.aggregates.aggregate import Aggregate
from coppermind_pipeline.synthesis.aggregates.rates import import_ahead
from coppermind_pipeline.synthesis.due import DueSynthesis, syntheses_due
from coppermind_pipeline.synthesis.parts import Parts
from coppermind_pipeline.synthesis.publishing import WAITING_FOR_BACKFILL, SynthesisFailed, Synthesized, synthesize

__all__ = [
    "WAITING_FOR_BACKFILL",
    "Aggregate",
    "DueSynthesis",
    "Parts",
    "SynthesisFailed",
    "Synthesized",
    "import_ahead",
    "syntheses_due",
    "synthesize",
]
