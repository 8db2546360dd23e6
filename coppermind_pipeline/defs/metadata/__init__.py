"""What Dagster shows of an asset: what it is, and what each run of it did and found.

Counts, shares, times and addresses of pages: never names, texts, amounts or rows, since Dagster knows neither minds nor
erasure.
"""

from coppermind_pipeline.defs.metadata.descriptions import HUBSPOT, described
from coppermind_pipeline.defs.metadata.figures import materialized, reading, working
from coppermind_pipeline.defs.metadata.observations import idle_polls
from coppermind_pipeline.defs.metadata.synthesis_chart import synthesis_figures

__all__ = ["HUBSPOT", "described", "idle_polls", "materialized", "reading", "synthesis_figures", "working"]
