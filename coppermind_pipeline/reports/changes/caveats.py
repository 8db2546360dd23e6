"""What a reader of the changes must know before any figure, and how they are counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from coppermind_pipeline.reports.changes.models import Bridge
from coppermind_pipeline.reports.trust.caveats import RangeFindings, range_caveats
from coppermind_pipeline.wording import are, clock_with_zone, count, have, listed, number

# How the figures are counted, whatever they are.
NOTES = (
    "Each end of the range is what had been read by then; what came and went between two polls is not seen.",
    "Today's stages, pipelines, labels and filters are applied to every version that was read.",
    "Created are deals that were created since their portal is followed; older ones, once read, appeared.",
    "A deal leaves with its amount at that moment; a change of the amount that was read together with it counts first.",
    "Pushed out and pulled in are deals that are open at both ends; they are no part of the sum.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesFindings(RangeFindings):
    """Everything that the caveats of the changes are made from.

    Attributes:
        followed_since: where nobody said from when, and the portals have been followed for less than the default range.
        created_before: deals that count as created, and were so before the range.
        lacking: versions with an amount that HubSpot had converted to no company currency.
        period_end_known: whether there is a day that close dates move across.
    """

    followed_since: datetime | None
    bridges: Sequence[Bridge]
    created_before: int
    lacking: int
    period_end_known: bool


def changes_caveats(found: ChangesFindings) -> list[str]:
    """Return the caveats, those about the portals first; empty where there is nothing to say."""
    return [*range_caveats(found), *(sentence for rule in _RULES for sentence in rule(found))]


def _shortened(found: ChangesFindings) -> Iterable[str]:
    if found.followed_since is not None:
        yield (
            f"The range starts on {clock_with_zone(found.followed_since, found.zone)}, when everything had been read "
            "for the first time; nothing is known of changes before."
        )


def _several_portals(found: ChangesFindings) -> Iterable[str]:
    if len(found.portals) > 1:
        names = listed([portal.name for portal in found.portals])
        yield f"The figures come from {len(found.portals)} portals ({names}); the same deal may be in both."


def _currencies(found: ChangesFindings) -> Iterable[str]:
    if len(found.bridges) > 1:
        names = listed([bridge.currency or "an unknown currency" for bridge in found.bridges])
        yield f"Amounts are in {len(found.bridges)} currencies ({names}), which are not added up."


def _without_amount(found: ChangesFindings) -> Iterable[str]:
    open_now = sum(bridge.closing.deals for bridge in found.bridges)
    without = sum(bridge.closing.without_amount for bridge in found.bridges)
    if without:
        yield f"{number(without)} of {count(open_now, 'open deal')} at the end {have(without)} no amount."


def _without_home(found: ChangesFindings) -> Iterable[str]:
    if found.lacking:
        yield (
            "HubSpot had not converted every amount to the company currency when it was read, so that there are no "
            "amounts in that."
        )


def _created_before(found: ChangesFindings) -> Iterable[str]:
    deals = found.created_before
    if deals:
        yield (
            f"{count(deals, 'deal')} under created {are(deals)} older than the range: HubSpot had created "
            f"{'it' if deals == 1 else 'them'} before, and the range is when {'it was' if deals == 1 else 'they were'} "
            "read first."
        )


def _no_period_end(found: ChangesFindings) -> Iterable[str]:
    if not found.period_end_known:
        yield (
            "The portals' fiscal years start in different months, so that no quarter's end is known which close dates "
            "could move across; name one with period_end."
        )


_RULES = (
    _shortened,
    _several_portals,
    _currencies,
    _without_amount,
    _without_home,
    _created_before,
    _no_period_end,
)
