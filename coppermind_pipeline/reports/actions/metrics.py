"""`memory action=metrics`: how figures are counted."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.catalogue import ListedMetrics, listed_metrics
from coppermind_pipeline.tool_calls import Action


def _metrics(call: Call, given: Mapping[str, Any]) -> ListedMetrics:
    return listed_metrics(call.trust(), fits=fits, **given)


METRICS = Action(_metrics, takes=("metric", "after"))
