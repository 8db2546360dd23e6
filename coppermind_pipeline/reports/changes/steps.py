"""From one version of a deal to the next: which steps of the open pipeline that is, and what each is worth.

Pure functions, of one deal and two versions of it, so that the steps of adjacent ranges add up to those of both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from coppermind_pipeline.crm import NormalizedRecord
from coppermind_pipeline.sync import DealVersion


class Step(StrEnum):
    """What can happen to the open pipeline, in the order in which the bridge tells it."""

    CREATED = "created"
    APPEARED = "appeared"
    REOPENED = "reopened"
    RESTORED = "restored"
    MOVED_IN = "moved_in"
    AMOUNT_UP = "amount_up"
    AMOUNT_DOWN = "amount_down"
    RATE = "rate"
    WON = "won"
    LOST = "lost"
    REMOVED = "removed"
    MOVED_OUT = "moved_out"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return _LABELS[self]

    @property
    def enters(self) -> bool:
        """Whether its deals were not in the open pipeline before."""
        return self in {Step.CREATED, Step.APPEARED, Step.REOPENED, Step.RESTORED, Step.MOVED_IN}

    @property
    def leaves(self) -> bool:
        """Whether its deals are not in the open pipeline after it."""
        return self in {Step.WON, Step.LOST, Step.REMOVED, Step.MOVED_OUT}

    @property
    def lessens(self) -> bool:
        """Whether its amounts count against the open pipeline."""
        return self.leaves or self is Step.AMOUNT_DOWN


_LABELS = {
    Step.CREATED: "Created",
    Step.APPEARED: "Created earlier, read for the first time",
    Step.REOPENED: "Reopened",
    Step.RESTORED: "Restored",
    Step.MOVED_IN: "Moved in (filter, pipeline or currency)",
    Step.AMOUNT_UP: "Amount raised",
    Step.AMOUNT_DOWN: "Amount lowered",
    Step.RATE: "Exchange rate",
    Step.WON: "Won",
    Step.LOST: "Lost",
    Step.REMOVED: "Removed (archived, merged or deleted)",
    Step.MOVED_OUT: "Moved out (filter, pipeline or currency)",
}


class Beside(StrEnum):
    """Deals that are listed beside the bridge, of which they are no step."""

    PUSHED_OUT = "pushed_out"
    PULLED_IN = "pulled_in"
    CLOSED_ON_ARRIVAL = "closed_on_arrival"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return _LABELS_BESIDE[self]


LISTED: tuple[Step | Beside, ...] = (*Step, *Beside)

_LABELS_BESIDE = {
    Beside.PUSHED_OUT: "Pushed out of the period",
    Beside.PULLED_IN: "Pulled into the period",
    Beside.CLOSED_ON_ARRIVAL: "Closed when it was read first",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of one deal.

    `amount`: what the step adds to the pipeline, or takes from it where it `lessens`; None where the deal has none. A
    deal without amount is `unpriced`, and one whose amount is filled in or cleared is so at the other end of that step.
    """

    step: Step
    amount: Decimal | None
    unpriced: bool


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the open pipeline: the deals that belong to it, and what each is worth there.

    Attributes:
        fits: whether a version belongs to it, once it is live and open.
        worth: None where it has no amount there.
        of_one_currency: a deal that changes its currency leaves it, at what it was worth before.
    """

    fits: Callable[[NormalizedRecord], bool]
    worth: Callable[[NormalizedRecord], Decimal | None]
    of_one_currency: bool

    def holds(self, version: DealVersion | None) -> bool:
        """Say whether a deal was in the open pipeline at that version."""
        return version is not None and version.is_live and version.deal.outcome == "open" and self.fits(version.deal)


def steps_between(before: DealVersion | None, after: DealVersion, view: View, *, is_new: bool) -> Iterator[Taken]:
    """Yield the steps that lead from one version to the next: none, one, or a change of the amount and then an exit.

    Args:
        before: None where this is the first version that was read.
        is_new: a deal that is read for the first time was created since its portal is followed.
    """
    was_in, is_in = view.holds(before), view.holds(after)
    if before is None or not was_in:
        if is_in:
            yield _whole(_entry(before, view, is_new=is_new), after.deal, view)
        return
    comparable = not view.of_one_currency or before.deal.currency == after.deal.currency
    if comparable:
        yield from _change(before.deal, after.deal, view)
    if not is_in:
        yield _whole(_exit(after, view), (after if comparable else before).deal, view)


def _entry(before: DealVersion | None, view: View, *, is_new: bool) -> Step:
    if before is None:
        return Step.CREATED if is_new else Step.APPEARED
    if not before.is_live:
        return Step.RESTORED
    return Step.REOPENED if view.fits(before.deal) else Step.MOVED_IN


def _exit(after: DealVersion, view: View) -> Step:
    if not after.is_live:
        return Step.REMOVED
    if not view.fits(after.deal):
        return Step.MOVED_OUT
    return Step.WON if after.deal.outcome == "won" else Step.LOST


def _whole(step: Step, deal: NormalizedRecord, view: View) -> Taken:
    return Taken(step, view.worth(deal), unpriced=deal.amount is None)


def _change(before: NormalizedRecord, after: NormalizedRecord, view: View) -> Iterator[Taken]:
    difference = (view.worth(after) or Decimal(0)) - (view.worth(before) or Decimal(0))
    unpriced = (before.amount is None) != (after.amount is None)
    if not difference and not unpriced:
        return
    if (before.amount, before.currency) == (after.amount, after.currency):
        yield Taken(Step.RATE, difference, unpriced=False)
    elif after.amount is None or (before.amount is not None and difference < 0):
        yield Taken(Step.AMOUNT_DOWN, -difference, unpriced=unpriced)
    else:
        yield Taken(Step.AMOUNT_UP, difference, unpriced=unpriced)
