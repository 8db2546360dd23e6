"""What a synthesis counts, as wholes and their parts: figures that name nobody and no amount."""

from coppermind_pipeline.synthesis.figures import Figures

# By whole, such as deals, the number of each of its parts; parts of one whole add up to it.
Parts = dict[str, dict[str, int]]


def parts_of(figures: Figures) -> Parts:
    """Return how deals ended, where leads leaked, and from which record deals got their source, as far as told."""
    parts: Parts = {}
    if figures.channel_mix is not None:
        total, steps = figures.channel_mix.total, figures.channel_mix.steps
        parts["deals"] = {"won": total.won.deals, "lost": total.lost, "open": total.open}
        parts["sources"] = {
            "deal": steps.deal,
            "contact": steps.contact,
            "company": steps.company,
            "unknown": steps.unknown,
        }
    if figures.lead_leaks is not None:
        leads = figures.lead_leaks.total
        leaked = {"disqualified": leads.disqualified, "postponed": leads.postponed, "stuck": leads.stuck}
        parts["leads"] = {**leaked, "kept": leads.leads - sum(leaked.values())}
    return parts
