"""What an answer about deals of some outcomes alone can't say, and why."""

from collections.abc import Mapping, Sequence

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.reports.question.request import OUTCOMES, ReportRequest
from coppermind_pipeline.wording import listed

# Whose deals a figure is made of. Deals that were created in the range may be any.
_POPULATIONS: Mapping[str, tuple[Outcome, ...]] = {
    "closed_won": ("won",),
    "closed_lost": ("lost",),
    "open": ("open",),
    "win_rate": ("won", "lost"),
    "average_deal": ("won",),
    "median_days_to_close": ("won",),
    "weighted_pipeline": ("open",),
    "overdue": ("open",),
    "top_deals": ("won",),
    "losses": ("lost",),
}


def withheld(request: ReportRequest) -> dict[str, str]:
    """Return the figures that are null, empty or zero since their deals are left out, by name, with the reason."""
    asked = "" if request.outcome is None else f"outcome={','.join(request.outcome)}"
    found = _cut(request.outcomes, asked)
    if request.group_by is not None and request.group_by.of_losses:
        by_group = _cut(request.group_outcomes, f"group_by={request.group_by}")
        found |= {f"groups.{name}": why for name, why in by_group.items() if name != "losses" and name not in found}
    return found


def _cut(outcomes: Sequence[Outcome], asked: str) -> dict[str, str]:
    cut: dict[str, str] = {}
    for name, population in _POPULATIONS.items():
        missing = [outcome for outcome in population if outcome not in outcomes]
        if missing:
            cut[name] = f"It is made of {listed(population)} deals; {asked} leaves the {listed(missing)} ones out."
    return cut


def only_some(request: ReportRequest) -> str | None:
    """Return a sentence for the caveats where the request names outcomes that are not all."""
    left_out = [outcome for outcome in OUTCOMES if outcome not in request.outcomes]
    if not left_out:
        return None
    return (
        f"Only {listed(request.outcomes)} deals are counted, as asked; figures that need {listed(left_out)} deals are "
        "left out."
    )
