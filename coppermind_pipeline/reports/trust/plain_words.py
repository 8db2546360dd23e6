"""The caveats in plain words, for somebody who knows the business and not the CRM: of the same facts, in one order."""

from collections.abc import Iterable
from dataclasses import dataclass

from coppermind_pipeline.connectors import Freshness, Lifecycle
from coppermind_pipeline.crm import day_of
from coppermind_pipeline.reports.figures.losses import Losses
from coppermind_pipeline.reports.trust.block import last_successful_sync
from coppermind_pipeline.reports.trust.caveats import Findings
from coppermind_pipeline.wording import are, count, day, have, number


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFindings:
    """What plain caveats are made from: those of the report's caveats, and what its page shows besides.

    Attributes:
        unfinished: the range is not over.
    """

    report: Findings
    losses: Losses | None
    unfinished: bool


def in_plain_words(found: PlainFindings) -> list[str]:
    """Return the caveats, most important first; empty where there is nothing to say."""
    return [sentence for rule in _RULES for sentence in rule(found)]


def _nothing_read(found: PlainFindings) -> Iterable[str]:
    portals = found.report.portals
    if not portals:
        yield "No HubSpot account is connected yet, so that there is nothing to report."
    elif last_successful_sync(portals) is None:
        yield "HubSpot has not been read completely yet; the figures will rise."


def _old(found: PlainFindings) -> Iterable[str]:
    report, synced = found.report, last_successful_sync(found.report.portals)
    if synced is not None and any(each.freshness(now=report.now) is not Freshness.FRESH for each in report.portals):
        yield f"HubSpot was last read on {day(day_of(synced, report.zone))}; what happened since is not in the figures."


def _still_reading(found: PlainFindings) -> Iterable[str]:
    if any(
        each.status is Lifecycle.ACTIVE and each.backfill_completed_at is None and each.last_pull_at is not None
        for each in found.report.portals
    ):
        yield "The history in HubSpot is being read again; figures may still change."


def _disconnected(found: PlainFindings) -> Iterable[str]:
    if any(each.status is Lifecycle.INACTIVE for each in found.report.portals):
        yield "HubSpot is no longer connected; the figures stay as they were then."


def _incomplete(found: PlainFindings) -> Iterable[str]:
    report = found.report
    if any(
        each.status is Lifecycle.ACTIVE
        and (each.refusals or each.last_error or each.degraded or each.adrift or each.skipped or each.user_level)
        for each in report.portals
    ):
        yield "Part of what is in HubSpot can't be read at the moment; some figures may be incomplete."


def _settings(found: PlainFindings) -> Iterable[str]:
    if any(each.config_problems or each.settings_wait for each in found.report.portals):
        yield "What counts as a deal is being set up anew; figures may still change."


def _known_since(found: PlainFindings) -> Iterable[str]:
    report = found.report
    since = max((each.since for each in report.portals if each.since is not None), default=None)
    if since is not None and report.earliest < since:
        known = day(day_of(since, report.zone))
        yield f"HubSpot was read back to {known}; of what was last changed before, nothing is known here."


def _unfinished(found: PlainFindings) -> Iterable[str]:
    if found.unfinished:
        yield "The period is not over yet: it is compared with as many days of the earlier one."


def _currencies(found: PlainFindings) -> Iterable[str]:
    currencies = len(found.report.currencies)
    if currencies > 1:
        yield f"Deals are in {number(currencies)} currencies, added up only at HubSpot's own exchange rates."


def _without_amount(found: PlainFindings) -> Iterable[str]:
    quality = found.report.quality
    if quality.won_without_amount:
        without = quality.won_without_amount
        yield (
            f"{number(without)} of {count(quality.won, 'won deal')} {have(without)} no amount in HubSpot; real revenue "
            "may be higher."
        )


def _without_reason(found: PlainFindings) -> Iterable[str]:
    losses = found.losses
    if losses is not None and losses.without_reason:
        yield (
            f"{number(losses.without_reason)} of {count(losses.deals, 'lost deal')} {have(losses.without_reason)} no "
            "reason in HubSpot."
        )


def _twice(found: PlainFindings) -> Iterable[str]:
    if len(found.report.portals) > 1:
        yield f"The figures come from {number(len(found.report.portals))} HubSpot accounts; one sale may be in two."


def _undated(found: PlainFindings) -> Iterable[str]:
    undated = found.report.quality.won_undated + found.report.quality.lost_undated
    if undated:
        yield f"{count(undated, 'closed deal')} {have(undated)} no date in HubSpot, and {are(undated)} in no period."


def _doubtful(found: PlainFindings) -> Iterable[str]:
    deals = sum(each.deals for each in found.report.bare_days) + found.report.quality.disagreeing
    if deals:
        yield f"{count(deals, 'deal')} may stand in another period, or as open, on HubSpot's own screens."


_RULES = (
    _nothing_read,
    _old,
    _still_reading,
    _disconnected,
    _incomplete,
    _settings,
    _known_since,
    _unfinished,
    _currencies,
    _without_amount,
    _without_reason,
    _twice,
    _undated,
    _doubtful,
)
