"""The catalogue names what the answers hold, and all of it."""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from coppermind_pipeline.metrics import METRICS, Clock, Comparison, Face, Metric, UnknownMetric, find_metric
from coppermind_pipeline.reports import CrmReport, DateBasis, PortalProfile
from coppermind_pipeline.reports.figures.measures import Amount, Figures, TopDeal
from coppermind_pipeline.synthesis.figures import Figures as SynthesisFigures

_ANSWERS: Mapping[Face, type] = {
    Face.CRM_REPORT: CrmReport,
    Face.STATUS: PortalProfile,
    Face.SYNTHESIS: SynthesisFigures,
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_figure_is_where_the_catalogue_says(metric: Metric):
    assert metric.shown_in
    for face, path in metric.shown_in.items():
        found: Any = _ANSWERS[face]
        for step in path.removeprefix("portal_profile.").split("."):
            (holder,) = [each for each in _kinds(found) if _has_fields(each)]
            found = get_type_hints(holder)[step]


def test_each_figure_of_a_report_is_in_the_catalogue():
    told = {path for metric in METRICS.values() for face, path in metric.shown_in.items() if face is Face.CRM_REPORT}
    assert {*_figures(Figures, "summary"), "losses.with_reason", "losses.without_reason"} <= told


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_what_is_said_of_a_figure_goes_together(metric: Metric):
    assert metric.definition.endswith(".")
    assert ". " not in metric.definition  # one sentence
    assert metric.denominator is None or "." not in metric.denominator or metric.denominator in METRICS
    assert (metric.clock is Clock.IN_RANGE) == bool(metric.date_bases)
    assert (metric.clock is Clock.IN_RANGE) == (metric.comparison is not Comparison.NONE)
    assert set(metric.date_bases) <= {*DateBasis, "createdate"}


def test_a_slip_of_the_pen_is_told():
    with pytest.raises(UnknownMetric) as unknown:
        find_metric("closed_won.deal")
    assert unknown.value.hint == "Did you mean closed_won.deals?"


def _figures(model: type[BaseModel], path: str) -> Iterator[str]:
    """Yield the paths of a model's figures; deals that are listed are none."""
    for name, of_type in get_type_hints(model).items():
        kinds = _kinds(of_type)
        if kinds & {int, float, str, Amount}:
            yield f"{path}.{name}"
        for each in kinds:
            if isinstance(each, type) and issubclass(each, BaseModel) and each not in {Amount, TopDeal}:
                yield from _figures(each, f"{path}.{name}")


def _kinds(of_type: Any) -> set[Any]:
    """Return the alternatives of a type, and what lists of them hold."""
    alternatives = get_args(of_type) if get_origin(of_type) in {Union, UnionType} else (of_type,)
    return {each for outer in alternatives for each in (get_args(outer) or (outer,))}


def _has_fields(each: Any) -> bool:
    return isinstance(each, type) and (issubclass(each, BaseModel) or is_dataclass(each))
