"""The lead report counted again from what HubSpot sent, contact by contact, as a person with a calendar would."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline_tests.reports.leads.source import OWN_DOMAIN, SINCE, STAGES, Source

FUNNEL = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
LEAD_OR_LATER = {*FUNNEL, "evangelist", "4711"}
COUNTRIES = {"USA": "US", "United States": "US", "Deutschland": "DE"}


@dataclass(frozen=True)
class Contact:
    """What is known of one contact at the time that is asked about."""

    id: str
    properties: dict[str, str]
    created: datetime | None
    modified: datetime
    entries: dict[str, datetime | None]  # None: it has been in that stage, nobody knows since when

    @property
    def is_lead(self) -> bool:
        return bool(LEAD_OR_LATER & self.entries.keys())


def contacts_of(source: Source, *, at: datetime | None, include_filtered: bool) -> list[Contact]:
    known = []
    merged: set[str] = set()
    for each, all_versions in source.contacts.items():
        versions = [version for version in all_versions if at is None or version.read_at <= at]
        if not versions:
            continue
        newest = versions[-1].properties
        merged |= {newest["hs_merged_object_ids"]} - {each} if "hs_merged_object_ids" in newest else set()
        created = _moment(newest.get("createdate"))
        modified = _moment(newest["lastmodifieddate"])
        assert modified is not None
        entries: dict[str, datetime | None] = {}
        for place, version in enumerate(versions):
            stage = version.properties.get("lifecyclestage")
            if stage is not None and stage not in entries:
                was_watched = place > 0 or (created is not None and version.read_at <= created + timedelta(days=1))
                entries[stage] = min(version.read_at, version.modified_at) if was_watched else None
        for stage in STAGES:
            for name in (f"hs_lifecyclestage_{stage}_date", f"hs_v2_date_entered_{stage}"):
                entries[stage] = _moment(newest.get(name)) or entries.get(stage)
                if entries[stage] is None and not any(v.properties.get("lifecyclestage") == stage for v in versions):
                    del entries[stage]
        is_gone = each in source.archived and at is None
        is_filtered = newest.get("email", "").endswith(f"@{OWN_DOMAIN}") and not include_filtered
        if not is_gone and not is_filtered and modified >= SINCE:
            known.append(Contact(each, newest, created, modified, entries))
    return [contact for contact in known if contact.id not in merged]


def in_open_deals(source: Source, at: datetime | None) -> set[str]:
    """Return the contacts of open deals; by now, a contact that was merged away is in them as its survivor."""
    survivors = {} if at is not None else {
        versions[-1].properties["hs_merged_object_ids"]: survivor
        for survivor, versions in source.contacts.items()
        if "hs_merged_object_ids" in versions[-1].properties
    }  # fmt: skip
    return {
        _survivor(contact, survivors)
        for deal in source.deals
        if deal.is_open
        for contact, since, until in deal.contacts
        if (until is None if at is None else since <= at and (until is None or until > at))
    }


def _survivor(contact: str, survivors: dict[str, str]) -> str:
    passed = {contact}
    while (survivor := survivors.get(contact)) is not None and survivor not in passed:
        passed.add(survivor)
        contact = survivor
    return contact


def recount(
    contacts: Iterable[Contact],
    *,
    start: datetime,
    end: datetime,
    clock: datetime,
    zone: ZoneInfo,
    key: Callable[[Contact, datetime], str],
    in_open_deal: set[str],
    until: datetime | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the figures of each group by its key; `until`: where a cohort is followed until then alone."""
    created: defaultdict[str, list[Contact]] = defaultdict(list)
    entered: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for contact in contacts:
        if contact.created is not None and start <= contact.created < end:
            created[key(contact, contact.created)].append(contact)
        for stage, at in contact.entries.items():
            if at is not None and start <= at < end:
                entered[key(contact, at)][stage] += 1
    return {
        group: _figures(created[group], entered[group], clock, zone, in_open_deal, until)
        for group in {*created, *entered}
    }


def figures_of_nobody(shared: dict[str, Any], *, until: datetime | None = None) -> dict[str, Any]:
    return _figures([], Counter(), shared["clock"], shared["zone"], set(), until)


def _figures(
    cohort: list[Contact],
    entered: Counter[str],
    clock: datetime,
    zone: ZoneInfo,
    in_open_deal: set[str],
    until: datetime | None,
) -> dict[str, Any]:
    leads = [contact for contact in cohort if contact.is_lead]
    leaks = Counter(_leak(contact, clock, in_open_deal) for contact in leads)
    youngest = max((contact.created for contact in cohort if contact.created), default=None)
    age = None if youngest is None else max((_day(until or clock, zone) - _day(youngest, zone)).days, 0)
    reached, undated = Counter[str](), Counter[str]()
    for contact in cohort:
        for place, stage in enumerate(FUNNEL):
            here_or_later = [contact.entries[each] for each in FUNNEL[place:] if each in contact.entries]
            if until is None:
                reached[stage] += bool(here_or_later)
            elif any(at is not None and at <= until for at in here_or_later):
                reached[stage] += 1
            else:
                undated[stage] += None in here_or_later
    return {
        "new_contacts": len(cohort),
        "offline": sum(contact.properties.get("hs_analytics_source") == "OFFLINE" for contact in cohort),
        "entered": {stage: entered[stage] for stage in STAGES if stage in FUNNEL or entered[stage]},
        "cohort": {
            "n": len(cohort),
            "age_days": age,
            "still_maturing": None if age is None else age < 90,
            "followed_until": until,
            "reached": {s: {"contacts": reached[s], "rate": _rate(reached[s], len(cohort))} for s in FUNNEL},
            "undated": None if until is None else {stage: undated[stage] for stage in FUNNEL},
        },
        "median_days": [_step(cohort, *pair, zone, until) for pair in pairwise(FUNNEL)],
        **{
            kind: {"leads": leaks[kind], "of": len(leads), "rate": _rate(leaks[kind], len(leads), least=10)}
            for kind in ("disqualified", "postponed", "stuck")
        },
    }


def _step(cohort: list[Contact], first: str, then: str, zone: ZoneInfo, until: datetime | None) -> dict[str, Any]:
    days = []
    for contact in cohort:
        came, went = contact.entries.get(first), contact.entries.get(then)
        if came is not None and went is not None and (until is None or max(came, went) <= until):
            days.append((_day(went, zone) - _day(came, zone)).days)
    onwards = [each for each in days if each >= 0]
    return {
        "from_stage": first,
        "to_stage": then,
        "median_days": median(onwards) if onwards else None,
        "contacts": len(onwards),
        "backwards": len(days) - len(onwards),
    }


def _leak(contact: Contact, clock: datetime, in_open_deal: set[str]) -> str | None:
    status, stage = (contact.properties.get(name) for name in ("hs_lead_status", "lifecyclestage"))
    if status == "UNQUALIFIED":
        return "disqualified"
    if status == "BAD_TIMING":
        return "postponed"
    unchanged = contact.modified <= clock - timedelta(days=90)
    return "stuck" if stage in FUNNEL[:3] and unchanged and contact.id not in in_open_deal else None


# Drill-downs that tell a person something; those that read alike are one.
_SAYING = {"IMPORT": "IMPORT", "spring": "spring", "CONTACTS": "CONTACTS"}
TOLD_AS: Mapping[str, Mapping[str, str]] = {
    "OFFLINE": {"IMPORT": "IMPORT", "CRM_UI": "CONTACTS", "CONTACTS": "CONTACTS"},
    "PAID_SEARCH": _SAYING,
    "REFERRALS": _SAYING,
}


def key_of(group_by: str | None, zone: ZoneInfo) -> Callable[[Contact, datetime], str]:
    def key(contact: Contact, dated: datetime) -> str:
        get = contact.properties.get
        source = get("hs_analytics_source") or "(none)"
        detail = TOLD_AS.get(source, {}).get(get("hs_analytics_source_data_1") or "", "(none)")
        written = get("country")
        country = COUNTRIES.get(written or "") or (f"unrecognized:{written.lower()}" if written else "unknown")
        return {
            None: "",
            "source": source,
            "source_detail": f"{source}/{detail}",
            "country": country,
            "region": f"{country}/{(get('state') or 'unknown').lower()}",
            "owner": get("hubspot_owner_id") or "none",
            "lifecycle_stage": get("lifecyclestage") or "none",
            "month": f"{_day(dated, zone):%Y-%m}",
        }[group_by]

    return key


def _rate(part: int, whole: int, *, least: int = 1) -> str | None:
    if whole < least:
        return None
    return str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
