"""What a report is called, and what every reading of its figures depends on."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.models import ComparedPeriod, CrmReport
from coppermind_pipeline.reports.trust.block import RecordCounts, TrustBlock
from coppermind_pipeline.wording import as_words, clock_with_zone, count, day_range, number


def title_of(report: CrmReport) -> str:
    """Return "Acme: CRM report, 1 October 2026 to 31 December 2026, so far"."""
    return f"{report.trust.mind}: CRM report, {range_of(report)}"


def range_of(report: CrmReport) -> str:
    """Return "1 October 2026 to 31 December 2026", and that it is not over where it is not."""
    period = report.period
    looked_at = period.as_of or report.audit.generated_at
    so_far = ", so far" if period.start <= looked_at < period.end else ""
    return f"{day_range(period.first_day, period.last_day)}{so_far}"


def compared_with(earlier: ComparedPeriod) -> str:
    """Return "1 July 2026 to 18 August 2026 (49 elapsed days)"."""
    elapsed = f" ({count(earlier.elapsed_days, 'elapsed day')})" if earlier.elapsed_days else ""
    return f"{day_range(earlier.first_day, earlier.last_day)}{elapsed}"


def provenance(report: CrmReport) -> list[tuple[str, str]]:
    """Return what the figures stand on, the trust block among it, as name and value."""
    trust, period = report.trust, report.period
    zone = ZoneInfo(period.timezone)
    earlier = period.compared_with
    of_portals = report.audit.audience is Audience.INTERNAL
    return [
        ("Range", f"{range_of(report)}, {period.timezone}"),
        *([("Compared with", compared_with(earlier))] if earlier is not None else []),
        ("Date basis", f"{period.date_basis_label} ({', '.join(period.hubspot_properties)})"),
        *([("As of", clock_with_zone(period.as_of, zone))] if period.as_of is not None else []),
        *([("Portals", ", ".join(map(str, trust.portal_ids)) or "none")] if of_portals else []),
        ("Last sync", last_sync(report)),
        ("Freshness", as_words(trust.freshness)),
        ("Backfill", backfill(report)),
        ("Covered since", covered_since(trust.coverage_since, zone)),
        ("Records stored", ", ".join(_record_count(name, counts) for name, counts in trust.record_counts.items())),
        ("Properties", "all" if trust.hydration == "full" else "the required ones alone"),
        *([("Filters", filters(trust, lifted=report.audit.include_filtered))] if of_portals else []),
        ("Source", trust.data_source + (", after a live pull" if trust.live_fallback_used else "")),
    ]


def last_sync(report: CrmReport) -> str:
    """Return when the last complete sync ended."""
    synced = report.trust.last_successful_sync
    return "not complete yet" if synced is None else clock_with_zone(synced, ZoneInfo(report.period.timezone))


def backfill(report: CrmReport) -> str:
    """Say whether the history has been read."""
    return "complete" if report.trust.backfill_complete else "not complete"


def covered_since(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return since when records are held."""
    return "unknown" if moment is None else clock_with_zone(moment, zone)


def filters(trust: TrustBlock, *, lifted: bool = False) -> str:
    """Return the filters in force, those of several connectors behind their names."""
    found = "; ".join(_filters(trust.configured_filters)) or "none"
    return f"lifted ({found})" if lifted and found != "none" else found


def _record_count(object_type: ObjectType, counts: RecordCounts) -> str:
    of_portal = "" if counts.portal_in_window is None else f" of {number(counts.portal_in_window)}"
    return f"{number(counts.stored)}{of_portal} {object_type}"


def _filters(by_connector: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for connector_id, found in by_connector.items():
        of = f"{connector_id}: " if len(by_connector) > 1 else ""
        for key, value in found.items():
            yield f"{of}{key} {value if isinstance(value, str) else orjson.dumps(value).decode()}"
