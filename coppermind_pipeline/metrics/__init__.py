"""The catalogue of figures: each defined once, under the name that every face gives it.

Data and pure functions. What SQL counts a figure by are functions of the database, which the store's migrations define
(`is_overdue`, `lacks_reason`, `days_to_close`, `weighted_amount`); the views `metric_*` stand on the same.
"""

from coppermind_pipeline.metrics.catalogue import METRICS, UnknownMetric, find_metric
from coppermind_pipeline.metrics.metric import DATE_BASES, Clock, Comparison, Face, Metric, Unit

__all__ = [
    "DATE_BASES",
    "METRICS",
    "Clock",
    "Comparison",
    "Face",
    "Metric",
    "Unit",
    "UnknownMetric",
    "find_metric",
]
