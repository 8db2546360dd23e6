"""The place of a figure in a CRM report: which deals it is made of, and its value there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.metrics import METRICS, Face, Metric
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.wording import did_you_mean

# By measure, or by figure that is made of several: the condition that its deals meet.
_SUMS: Mapping[str, str] = {
    "closed_won": "outcome = 'won' AND in_range",
    "closed_lost": "outcome = 'lost' AND in_range",
    "open": "outcome = 'open'",
    "overdue": "is_overdue",
    "pipeline_created": "is_new",
}
_OF_SUMS = ("deals", "amounts", "amount_home", "without_amount")
_OTHERS: Mapping[str, str] = {
    "win_rate": "outcome <> 'open' AND in_range",
    "average_deal": f"{_SUMS['closed_won']} AND amount IS NOT NULL",
    "median_days_to_close": _SUMS["closed_won"],
    "closed_before_created": f"{_SUMS['closed_won']} AND days_to_close(created_at, close_at, CAST(:zone AS text)) < 0",
    "weighted_pipeline": f"{_SUMS['open']} AND weighted IS NOT NULL",
}
_OF_LOSSES: Mapping[str, str] = {
    "losses.deals": _SUMS["closed_lost"],
    "losses.with_reason": f"{_SUMS['closed_lost']} AND NOT lacks_reason(outcome, loss_reason)",
    "losses.without_reason": f"{_SUMS['closed_lost']} AND lacks_reason(outcome, loss_reason)",
}
_NO_RANGE = ("open", "overdue", "weighted_pipeline")


def _of_sum(condition: str, part: str) -> str:
    return f"{condition} AND amount IS NULL" if part == "without_amount" else condition


_FIGURES: Mapping[str, str] = {
    **{f"{name}.{part}": _of_sum(condition, part) for name, condition in _SUMS.items() for part in _OF_SUMS},
    **_OTHERS,
}

_PLACE = re.compile(r"(?:summary|groups\.(?P<group>\d{1,4}))\.(?P<earlier>compared_with\.)?(?P<figure>.+)")
_THEME = re.compile(rf"losses\.themes\.(?P<theme>\d{{1,4}})\.(?P<part>{'|'.join(_OF_SUMS)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a figure stands.

    Attributes:
        path: as it was asked for.
        figure: the same without the part of the report that it stands in.
        condition: what is true of the deals that it is made of, as SQL of ours.
        group: number of the group, from 0; None: of all deals.
        theme: number of the theme of losses, from 0; None: it is no figure of one.
        earlier: of the range that the report compares with.
    """

    path: str
    figure: str
    condition: str
    group: int | None
    earlier: bool
    theme: int | None = None

    @property
    def metric(self) -> Metric | None:
        """The catalogue's entry of it."""
        shown = self.figure if self.figure.startswith("losses.") else f"summary.{self.figure}"
        return next((each for each in METRICS.values() if each.shown_in.get(Face.CRM_REPORT) == shown), None)

    def value_in(self, part: Mapping[str, Any] | None) -> Any:
        """Return the figure in a report as data, or in its group or theme; None where there is none."""
        within = self.path
        if self.group is not None:
            within = self.path.split(".", 2)[2]
        elif self.theme is not None:
            within = self.path.split(".", 3)[3]
        value: Any = part
        for name in within.split("."):
            value = None if value is None else value.get(name)
        return value


def place_of(path: str) -> Place:
    """Return the place that a path names; raises ReportArgumentError where no figure that can be explained is there."""
    if path in _OF_LOSSES:
        return Place(path=path, figure=path, condition=_OF_LOSSES[path], group=None, earlier=False)
    themed = _THEME.fullmatch(path)
    if themed is not None:
        condition, part = _of_sum(_OF_LOSSES["losses.with_reason"], themed["part"]), f"losses.themes.{themed['part']}"
        return Place(path=path, figure=part, condition=condition, group=None, earlier=False, theme=int(themed["theme"]))
    found = _PLACE.fullmatch(path)
    figure = found["figure"] if found is not None else path
    is_earlier = found is not None and found["earlier"] is not None
    if found is None or figure not in _FIGURES or (is_earlier and figure.partition(".")[0] in _NO_RANGE):
        known = [*(f"summary.{each}" for each in _FIGURES), *_OF_LOSSES, "losses.themes.0.deals"]
        raise ReportArgumentError(
            f"No figure of a CRM report that can be explained is at {path!r}.",
            hint=did_you_mean(path, known, otherwise=f"There are {', '.join(known)}; of a group groups.0.win_rate."),
        )
    group = None if found["group"] is None else int(found["group"])
    return Place(path=path, figure=figure, condition=_FIGURES[figure], group=group, earlier=is_earlier)
