"""What `memory action=metrics` answers: the catalogue of figures, or one of them."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.metrics import METRICS, Metric, find_metric
from coppermind_pipeline.reports.trust.block import TrustBlock


class ListedMetrics(BaseModel):
    """How figures are counted."""

    model_config = ConfigDict(frozen=True)

    trust: TrustBlock
    metrics: tuple[Metric, ...]
    left_out: tuple[str, ...] = Field(description="ids of the figures behind these, which can be asked for one by one")
    next_after: str | None = Field(description="the next page's `after`; null on the last")


def listed_metrics(
    trust: TrustBlock, *, fits: Callable[[ListedMetrics], bool], metric: str | None = None, after: str | None = None
) -> ListedMetrics:
    """Return one figure, or those after another one that fit into an answer.

    Raises:
        UnknownMetric: the catalogue has none of that id.
    """
    if metric is not None:
        return ListedMetrics(trust=trust, metrics=(find_metric(metric),), left_out=(), next_after=None)
    ids = list(METRICS)
    asked = ids[ids.index(find_metric(after).id) + 1 :] if after is not None else ids
    shown = len(asked)
    while not fits(answer := _page(trust, asked, shown)) and shown > 1:
        shown -= 1
    return answer


def _page(trust: TrustBlock, ids: list[str], shown: int) -> ListedMetrics:
    left_out = tuple(ids[shown:])
    return ListedMetrics(
        trust=trust,
        metrics=tuple(METRICS[each] for each in ids[:shown]),
        left_out=left_out,
        next_after=ids[shown - 1] if left_out else None,
    )
