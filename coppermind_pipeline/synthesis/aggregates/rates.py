"""Which rates of a synthesis stand out: so far from the others that they would be there again.

Each source is held against all other sources together, which leave it out, by Fisher's exact test, two-sided. Holm's
method allows for all rates of the synthesis at once, so that its texts, taken together, name a rate by mere chance in
at most one of twenty periods, and no two of them disagree. The exact test holds with few records too, where a z test
claims too much.

scipy takes a second to import, and is needed once a week: it is imported where it is used, so that Dagster's code
location loads without it, and ahead of that beside statements, which wait for the server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from threading import Thread

from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN

RATE_DENOMINATOR_MIN = 10
FALSE_CLAIMS_MAX = 0.05
RANGE_CONFIDENCE = 0.95

# What a claim has to pass, for the user guide and the provenance of the memories.
THRESHOLDS: Mapping[str, tuple[float, str]] = {
    "records_min": (
        RATE_DENOMINATOR_MIN,
        "records a rate is a part of, before it is shown or compared; of one source, and of the others",
    ),
    "events_min": (RECORDS_MIN, "records a claim rests on: deals won, leads lost; below the rest, deals not won"),
    "false_claims_max": (
        FALSE_CLAIMS_MAX,
        "chance that a synthesis, all its texts together, names any rate where all sources are alike",
    ),
    "range_confidence": (RANGE_CONFIDENCE, "confidence of the range that is shown beside a rate (Wilson)"),
}

_DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A part of one source's records (`kind` says which), and the same of all other sources together."""

    kind: str
    source: str | None
    part: int
    whole: int
    rest_part: int
    rest_whole: int

    @property
    def is_higher(self) -> bool:
        """Whether it lies above that of the rest."""
        return self.part * self.rest_whole > self.rest_part * self.whole

    @property
    def events(self) -> int:
        """The records that a claim rests on: those of the part where it is high, else the others."""
        return self.part if self.is_higher else self.whole - self.part


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Rates that were compared: how many, and those that stand out, the highest first."""

    rates: int = 0
    standing_out: tuple[Rate, ...] = ()

    @property
    def higher(self) -> tuple[Rate, ...]:
        """Those above the rest."""
        return tuple(rate for rate in self.standing_out if rate.is_higher)

    @property
    def lower(self) -> tuple[Rate, ...]:
        """Those below the rest."""
        return tuple(rate for rate in self.standing_out if not rate.is_higher)


def rates_by_source(kind: str, counts: Mapping[str | None, tuple[int, int]]) -> list[Rate]:
    """Return the rates that can be compared: of sources with enough records, where not all records are alike.

    Args:
        counts: by source, how many records are of that kind, and of how many.
    """
    part, whole = (sum(each) for each in zip(*counts.values(), strict=True)) if counts else (0, 0)
    if part in {0, whole}:
        return []
    rates = (
        Rate(kind=kind, source=source, part=own, whole=of, rest_part=part - own, rest_whole=whole - of)
        for source, (own, of) in counts.items()
    )
    return [rate for rate in rates if min(rate.whole, rate.rest_whole) >= RATE_DENOMINATOR_MIN]


def import_ahead() -> None:
    """Begin to import what rates are compared by; whoever needs it before it is there waits for it."""
    Thread(target=import_module, args=("scipy.stats",)).start()


def compare(*subjects: Sequence[Rate]) -> list[Comparison]:
    """Compare the rates of several subjects, all of them allowed for together; return what is found of each."""
    together = [rate for rates in subjects for rate in rates]
    outstanding = [
        rate
        for rate, stands_out in zip(together, _reject(_p_values(together)), strict=True)
        if stands_out and rate.events >= RECORDS_MIN
    ]
    outstanding.sort(key=lambda rate: (-rate.part / rate.whole, rate.source or ""))
    return [
        Comparison(rates=len(rates), standing_out=tuple(rate for rate in outstanding if rate in rates))
        for rates in subjects
    ]


def likely_range(part: int, whole: int) -> tuple[Decimal, Decimal]:
    """Return where the rate would likely lie with many more records: its Wilson interval."""
    from scipy.stats import binomtest

    interval = binomtest(part, whole).proportion_ci(RANGE_CONFIDENCE, method="wilson")
    return Decimal(float(interval.low)).quantize(_DIGITS), Decimal(float(interval.high)).quantize(_DIGITS)


def _p_values(rates: Sequence[Rate]) -> list[float]:
    """Return how likely each difference, or a greater one to either side, is where source and rest are alike."""
    if not rates:
        return []
    import numpy as np
    from scipy.stats import hypergeom

    part, whole, rest_part, rest_whole = np.array([(r.part, r.whole, r.rest_part, r.rest_whole) for r in rates]).T
    alike = (whole + rest_whole, part + rest_part, whole)
    as_low, as_high = hypergeom.cdf(part, *alike), hypergeom.sf(part - 1, *alike)
    return np.minimum(2 * np.minimum(as_low, as_high), 1).tolist()


def _reject(p_values: Sequence[float]) -> list[bool]:
    """Return which of the p-values stand out among all of them, by Holm's method."""
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - rank) > FALSE_CLAIMS_MAX:
            break
        rejected[index] = True
    return rejected
