"""The frame of a report: its zone, its range, the range it is compared with, and the moment it is made for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import day_of, start_of, time_zone
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.question.periods import (
    DEFAULT_PERIOD,
    CompareTo,
    LocalRange,
    compared_range,
    is_fiscal,
    named_range,
    range_between,
)
from coppermind_pipeline.reports.question.request import RangeRequest
from coppermind_pipeline.reports.trust.portals import SyncedPortal

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class FramedRange:
    """A range as days and as moments in UTC."""

    local: LocalRange
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """When and where a report is.

    Attributes:
        zone_assumed: neither the request nor the portals name a zone for all of them.
        as_of: the earlier time that is asked about, in UTC; None: now.
        clock: `as_of`, else now: what open deals are judged by, and what `this_` and `last_` refer to.
        today: first moment of the clock's day.
        elapsed_days: where the compared range was cut to that many.
    """

    zone: ZoneInfo
    zone_assumed: bool
    as_of: datetime | None
    clock: datetime
    today: datetime
    period_name: str | None
    range: FramedRange
    compared: FramedRange | None
    compare_to: CompareTo | None
    elapsed_days: int | None

    @property
    def earliest(self) -> datetime:
        """Start of the earliest range that is shown."""
        return self.range.start if self.compared is None else min(self.range.start, self.compared.start)


def frame_of(request: RangeRequest, portals: Sequence[SyncedPortal], *, now: datetime) -> Frame:
    """Return the frame of a report about these portals.

    Raises:
        ReportArgumentError: the range is empty, `as_of` lies ahead, or the portals' fiscal years differ.
    """
    zone, zone_assumed = zone_of(request.timezone, portals)
    as_of = _as_of(request, zone, now)
    clock = as_of or now
    name = None if request.start is not None else request.period or DEFAULT_PERIOD
    local = _local_range(request, portals, zone, clock)
    compared = elapsed_days = None
    if request.compare_to is not None:
        comparison = compared_range(local, request.compare_to, now=clock, zone=zone)
        compared, elapsed_days = _framed(comparison.range, zone), comparison.elapsed_days
    return Frame(
        zone=zone,
        zone_assumed=zone_assumed,
        as_of=as_of,
        clock=clock,
        today=start_of(day_of(clock, zone), zone),
        period_name=name,
        range=_framed(local, zone),
        compared=compared,
        compare_to=request.compare_to,
        elapsed_days=elapsed_days,
    )


def zone_of(asked: str | None, portals: Sequence[SyncedPortal]) -> tuple[ZoneInfo, bool]:
    """Return the zone of an answer, and whether it is assumed: the one asked for, else the portals' common one."""
    if asked is not None:
        return time_zone(asked) or _UTC, False
    zones = {portal.reported_in for portal in portals}
    common = zones.pop() if len(zones) == 1 else None
    return common or _UTC, common is None


def _as_of(request: RangeRequest, zone: ZoneInfo, now: datetime) -> datetime | None:
    if request.as_of is None:
        return None
    as_of = request.as_of if request.as_of.tzinfo is not None else request.as_of.replace(tzinfo=zone)
    as_of = as_of.astimezone(UTC)
    if as_of > now and day_of(as_of, zone) > day_of(now, zone):
        raise ReportArgumentError(
            f"as_of {as_of.isoformat()} lies ahead.", hint="Leave it out for the state as it is now."
        )
    return min(as_of, now)


def _local_range(request: RangeRequest, portals: Sequence[SyncedPortal], zone: ZoneInfo, clock: datetime) -> LocalRange:
    if request.start is not None and request.end is not None:
        return range_between(request.start, request.end, zone)
    name = request.period or DEFAULT_PERIOD
    fiscal_starts = {portal.config.fiscal_year_start_month for portal in portals} or {1}
    if is_fiscal(name) and len(fiscal_starts) > 1:
        raise ReportArgumentError(
            f"The fiscal years of this mind's portals start in different months, so that {name} has no single range.",
            hint="Name one portal with connector_id, or the range with start and end.",
        )
    return named_range(name, today=day_of(clock, zone), fiscal_year_start_month=min(fiscal_starts))


def _framed(local: LocalRange, zone: ZoneInfo) -> FramedRange:
    start, end = local.moments(zone)
    return FramedRange(local=local, start=start, end=end)
