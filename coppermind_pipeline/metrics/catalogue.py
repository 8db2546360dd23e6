"""The catalogue: all figures, in the order in which they are asked for."""

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.metrics.contacts import CONTACTS, LEADS
from coppermind_pipeline.metrics.deals import DEALS
from coppermind_pipeline.metrics.metric import Metric
from coppermind_pipeline.metrics.places import CUSTOMERS
from coppermind_pipeline.wording import did_you_mean

METRICS = {metric.id: metric for metric in (*DEALS, *LEADS, *CONTACTS, *CUSTOMERS)}


class UnknownMetric(UsageError):
    """The catalogue has no figure of that id."""

    code = "unknown_metric"


def find_metric(metric_id: str) -> Metric:
    """Return a figure by its id.

    Raises:
        UnknownMetric: there is none; it names the one that may be meant.
    """
    found = METRICS.get(metric_id)
    if found is None:
        hint = did_you_mean(metric_id, METRICS, otherwise="`memory action=metrics` lists all.")
        raise UnknownMetric(f"There is no figure {metric_id!r}.", hint=hint)
    return found
