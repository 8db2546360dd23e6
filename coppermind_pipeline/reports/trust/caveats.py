"""Caveats: what a reader must know before any figure, as sentences with their numbers, in one fixed order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from coppermind_pipeline.connectors import Freshness, Lifecycle, failed_step
from coppermind_pipeline.crm import OFFLINE, Labels, day_of
from coppermind_pipeline.reports.figures.deals import BareDays, DealQuality, LabelKind, LabelUse
from coppermind_pipeline.reports.question.request import DateBasis
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.wording import (
    age,
    agreeing,
    are,
    capitalized,
    clock_with_zone,
    count,
    day,
    have,
    listed,
    money,
    number,
)

_CURRENCY_UNKNOWN = "an unknown currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalFindings:
    """What caveats about the portals are made from, whatever the answer is about; `zone`: of days and times."""

    portals: Sequence[SyncedPortal]
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFindings(PortalFindings):
    """What the caveats of every report of a range are made from.

    Attributes:
        zone_assumed: nobody said which zone the report is in.
        earliest: start of the earliest range that the report shows.
        as_of: the earlier time that the report is about; None: now.
    """

    zone_assumed: bool
    earliest: datetime
    as_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings(RangeFindings):
    """Everything that the caveats of a CRM report are made from.

    Attributes:
        only_some: says which outcomes alone count, where not all do.
        live_failure: why the live pull that was asked for did not happen.
        currencies: those of the deals behind the figures.
        bare_days: deals that HubSpot's own screens may show in another range or month, by currency.
        label_uses: of owners, only where the answer says whose deals are.
    """

    labels: Mapping[str, Labels]
    date_basis: DateBasis
    include_filtered: bool
    only_some: str | None
    live_failure: str | None
    currencies: Sequence[str | None]
    quality: DealQuality
    bare_days: Sequence[BareDays]
    label_uses: Sequence[LabelUse]


def caveats(findings: Findings) -> list[str]:
    """Return the caveats, most important first; empty where there is nothing to say."""
    return [sentence for rule in _RULES for sentence in rule(findings)]


def portal_caveats(findings: PortalFindings) -> list[str]:
    """Return those that any answer opens with which stands on these portals' records."""
    return [sentence for rule in (*_HOW_READ, *_OF_PORTALS) for sentence in rule(findings)]


def range_caveats(findings: RangeFindings) -> list[str]:
    """Return those that every report of a range opens with, whatever it counts."""
    return [sentence for rule in (*_HOW_READ, *_OF_RANGE, _zone) for sentence in rule(findings)]


def _no_portal(found: PortalFindings) -> Iterable[str]:
    if not found.portals:
        yield "No HubSpot portal is connected to this mind yet, so that there is nothing to report."


def _live_failure(found: Findings) -> Iterable[str]:
    if found.live_failure is not None:
        yield f"The live pull that was asked for failed ({found.live_failure}); the figures are those of the store."


def _stale(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        freshness = portal.freshness(now=found.now)
        if freshness is Freshness.NEVER_SYNCED:
            begun = portal.since is not None
            yield f"{capitalized(portal.name)} has not been {'read completely' if begun else 'synced'} yet."
        elif freshness is Freshness.STALE and portal.last_pull_at is not None:
            yield (
                f"{capitalized(portal.name)} was last synced {age(found.now - portal.last_pull_at)} ago, on "
                f"{clock_with_zone(portal.last_pull_at, found.zone)}; later HubSpot activity is not in these figures."
            )


def _trouble(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.status is not Lifecycle.ACTIVE:
            continue
        if portal.refusals:
            for refusal in portal.refusals:
                yield f"HubSpot refuses access to {portal.name}: {refusal.rstrip('.')}."
        elif portal.retry_at is not None and portal.retry_at > found.now:
            yield (
                f"HubSpot has {portal.name} pause until {clock_with_zone(portal.retry_at, found.zone)}; "
                "nothing that changes in it is read before."
            )
        elif portal.last_error is not None:
            failed = failed_step(portal.failed_step, of_poll="sync")
            yield f"The last {failed} of {portal.name} failed: {portal.last_error.rstrip('.')}."


def _backfill(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.backfill_completed_at is not None or portal.since is None:
            continue
        goes_on = portal.status is Lifecycle.ACTIVE
        since = f"records changed since {day(day_of(portal.since, found.zone))} are not all read"
        if portal.first_completed_at is None and goes_on:
            yield f"The historical backfill of {portal.name} is still running; {since} yet, and figures will rise."
        elif portal.first_completed_at is None:
            yield f"The historical backfill of {portal.name} had not ended when it was disconnected; {since}."
        elif goes_on:
            yield f"A resync of {portal.name} is running; figures may still change."


def _coverage(found: RangeFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.since is not None and found.earliest < portal.since:
            yield (
                f"The range starts before what was read of {portal.name}: records last changed before "
                f"{day(day_of(portal.since, found.zone))} were not read."
            )


def _as_of(found: RangeFindings) -> Iterable[str]:
    if found.as_of is not None:
        yield (
            f"The figures are those of {clock_with_zone(found.as_of, found.zone)}, rebuilt from the versions of "
            "records that had been read by then, with today's labels, pipelines and filters."
        )


def _inactive(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.status is Lifecycle.INACTIVE:
            yield f"{capitalized(portal.name)} is disconnected; its records are no longer updated."


def _user_level(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.user_level:
            yield (
                f"HubSpot's app is installed for a user: records that {portal.name}'s user may not see are missing, "
                "and counts can be partial."
            )


def _account(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.account_unreadable:
            details = {"time zone": portal.zone, "currency": portal.company_currency}
            unknown = [detail for detail, value in details.items() if value is None]
            lost = [f"its {listed(unknown)} {are(len(unknown))} not known"] if unknown else []
            if portal.ui_domain is None:
                lost.append("records have no links")
            gives = "not all" if lost and any((*details.values(), portal.ui_domain)) else "no"
            said = ", and ".join(lost) or "its time zone, its currency and links are those read before"
            yield f"HubSpot gives {gives} account details of {portal.name}: {said}."


def _hydration(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.degraded:
            yield (
                f"HubSpot refuses some properties of {listed(portal.degraded)} of {portal.name}; "
                "what depends on those properties is missing."
            )


def _drift(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.adrift:
            yield (
                f"HubSpot counts other {listed(portal.adrift)} in {portal.name} than are stored; "
                "the connector's status names those that differ."
            )


def _skipped(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.skipped:
            yield (
                f"HubSpot gives no full answer about {listed([f'{n} {t}' for t, n in sorted(portal.skipped.items())])} "
                f"in {portal.name}; figures show what was last known of them, and they are tried again daily."
            )


def _unfinished_filters(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        for problem in portal.config_problems:
            yield f"A setting of {portal.name} can't be applied: {problem.rstrip('.')}."


def _waiting_settings(found: PortalFindings) -> Iterable[str]:
    for portal in found.portals:
        if portal.settings_wait:
            when = "with its next poll" if portal.status is Lifecycle.ACTIVE else "when it is connected again"
            yield (
                f"A change of the filters or settings of {portal.name} takes effect {when}; until then figures follow "
                "those of before."
            )


def _several_portals(found: Findings) -> Iterable[str]:
    if len(found.portals) > 1:
        names = listed([portal.name for portal in found.portals])
        yield f"The figures come from {len(found.portals)} portals ({names}); the same sale may be in both."


def _currencies(found: Findings) -> Iterable[str]:
    if len(found.currencies) > 1:
        yield (
            f"Amounts are in {len(found.currencies)} currencies "
            f"({listed([currency or _CURRENCY_UNKNOWN for currency in found.currencies])}), which are not added up."
        )
    elif list(found.currencies) == [None]:
        yield "Neither the deals nor the portal say in which currency the amounts are."


def _amounts_and_dates(found: Findings) -> Iterable[str]:
    quality = found.quality
    for deals, of in (
        (quality.won_without_amount, f"{count(quality.won, 'won deal')} in the range"),
        (quality.open_without_amount, count(quality.open, "open deal")),
    ):
        if deals:
            yield f"{number(deals)} of {of} {have(deals)} no amount."
    if quality.without_probability:
        yield (
            f"{count(quality.without_probability, 'open deal')} with an amount {have(quality.without_probability)} no "
            f"probability and {are(quality.without_probability)} not in the weighted pipeline."
        )
    undated = [
        count(deals, f"{outcome} deal")
        for deals, outcome in ((quality.won_undated, "won"), (quality.lost_undated, "lost"))
        if deals
    ]
    if undated:
        closed = quality.won_undated + quality.lost_undated
        yield f"{listed(undated)} {have(closed)} no {found.date_basis.label} and {are(closed)} in no period."


def _zone(found: RangeFindings) -> Iterable[str]:
    if found.zone_assumed and found.portals:
        yield "The portals have no common time zone, so that days are those of UTC; name one with timezone."


def _bare_days(found: Findings) -> Iterable[str]:
    deals = sum(each.deals for each in found.bare_days)
    if deals:
        worth = listed([money(each.amount, each.currency) for each in found.bare_days if each.with_amount])
        yield (
            f"{count(deals, 'deal')}{f' ({worth})' if worth else ''} {are(deals)} dated with a bare day, at midnight "
            f"UTC, and counted on that day; HubSpot's own screens may show {agreeing(deals, 'it', 'these')} a day "
            "earlier, in another range or month."
        )


def _disagreements(found: Findings) -> Iterable[str]:
    deals = found.quality.disagreeing
    if deals:
        yield (
            f"{count(deals, 'deal')} {are(deals)} marked otherwise by HubSpot's own properties than by the stage, "
            "which decides."
        )


def _labels(found: Findings) -> Iterable[str]:
    for kind in _AN:
        unresolved = [use for use in found.label_uses if use.kind == kind and not _resolved(use, found.labels)]
        if unresolved:
            deals = sum(use.deals for use in unresolved)
            yield f"{count(deals, 'deal')} {have(deals)} {_AN[kind]} that HubSpot has no name for."


_AN: Mapping[LabelKind, str] = {"owner": "an owner", "stage": "a pipeline or stage", "source": "a source"}


def _offline(found: Findings) -> Iterable[str]:
    won = found.quality.won_offline
    if won:
        yield (
            f"{number(won)} of {count(found.quality.won, 'won deal')} {have(won)} the source "
            f"{offline_label(found.labels)}, as all have that were imported, added by hand or synced from another "
            f"tool: nobody can tell what brought {agreeing(won, 'it', 'them')}."
        )


def offline_label(labels: Mapping[str, Labels]) -> str:
    """Return what the portals call the source of all that was imported or added by hand."""
    return next((label.text for known in labels.values() if (label := known.source(OFFLINE)).resolved), "Offline")


def _filters_lifted(found: Findings) -> Iterable[str]:
    if found.include_filtered:
        yield (
            "Deals that the configured filters leave out are counted, as asked; filtered contacts still give no deal "
            "its source or place."
        )


def _only_some(found: Findings) -> Iterable[str]:
    if found.only_some is not None:
        yield found.only_some


_HOW_READ = (_no_portal, _stale, _backfill, _trouble)
_OF_PORTALS = (
    _inactive,
    _user_level,
    _account,
    _hydration,
    _drift,
    _skipped,
    _unfinished_filters,
    _waiting_settings,
)
_OF_RANGE = (_coverage, _as_of, *_OF_PORTALS)

_RULES = (
    *_HOW_READ,
    _live_failure,
    *_OF_RANGE,
    _filters_lifted,
    _only_some,
    _several_portals,
    _currencies,
    _amounts_and_dates,
    _zone,
    _bare_days,
    _disagreements,
    _labels,
    _offline,
)


def _resolved(use: LabelUse, labels: Mapping[str, Labels]) -> bool:
    known = labels[use.connector_id]
    match use.kind:
        case "owner":
            return known.owner(*use.value).resolved
        case "source":
            return known.source(*use.value).resolved
        case "stage":
            pipeline, stage = use.value
            return known.stage(pipeline, stage).resolved and known.pipeline(pipeline).resolved
