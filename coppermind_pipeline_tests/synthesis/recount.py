"""The figures counted once more, record by record, as a person would with a pencil: what the SQL is held against."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import loss_theme

Row = dict[str, Any]

LEAD_OR_LATER = {"lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist"}


@dataclass(frozen=True, kw_only=True)
class Records:
    """Columns of `hubspot_crm_objects` by name; `links` are the live (deal, contact) pairs."""

    contacts: list[Row]
    companies: list[Row]
    deals: list[Row]
    links: set[tuple[str, str]]
    as_of: datetime
    zone: ZoneInfo

    def counted(self, rows: list[Row]) -> list[Row]:
        return [r for r in rows if not (r["archived_at"] or r["merged_into"] or r["filtered_reason"])]

    def day(self, moment: datetime) -> Any:
        return moment.astimezone(self.zone).date()

    def close_day(self, deal: Row) -> Any:
        """Midnight UTC is a bare day."""
        bare = deal["close_at"].astimezone(UTC).time() == time()
        return deal["close_at"].astimezone(UTC).date() if bare else self.day(deal["close_at"])


def money(deals: list[Row]) -> dict[str | None, tuple[int, Decimal]]:
    sums: defaultdict[str | None, list[Decimal]] = defaultdict(list)
    for deal in deals:
        if deal["amount"] is not None:
            sums[deal["currency"]].append(deal["amount"])
    return {currency: (len(amounts), sum(amounts, Decimal(0))) for currency, amounts in sums.items()}


def channels(records: Records) -> dict[str | None, Row]:
    contacts = Counter(c["source"] for c in records.counted(records.contacts) if not c["referenced_only"])
    deals = records.counted(records.deals)
    result = {}
    for source in {*contacts, *(d["attributed_source"] for d in deals)}:
        mine = [d for d in deals if d["attributed_source"] == source]
        won = [d for d in mine if d["outcome"] == "won"]
        days = [(records.close_day(d) - records.day(d["created_at"])).days for d in won if d["close_at"]]
        result[source] = {
            "contacts": contacts[source],
            "deals": len(mine),
            "won": len(won),
            "lost": sum(d["outcome"] == "lost" for d in mine),
            "open": sum(d["outcome"] == "open" for d in mine),
            "revenue": money(won),
            "new": sum(d["deal_type"] == "newbusiness" for d in won),
            "existing": sum(d["deal_type"] == "existingbusiness" for d in won),
            "median": median([d for d in days if d >= 0]) if any(d >= 0 for d in days) else None,
            "negative": sum(d < 0 for d in days),
        }
    return result


def customers(records: Records) -> tuple[dict[str | None, set[str]], dict[str | None, list[Row]], int]:
    """Customers and their won deals by country code, "?" for text that names none, None for unknown."""
    merged = {c["hubspot_id"]: c["merged_into"] for c in (*records.companies, *records.contacts) if c["merged_into"]}
    homes: dict[str, str | None] = {}
    won = [d for d in records.counted(records.deals) if d["outcome"] == "won"]

    def owner(deal: Row) -> str:
        for kind in ("primary_company_id", "lead_contact_id"):
            if deal[kind]:
                return kind + merged.get(deal[kind], deal[kind])
        return ""

    for deal in won:
        homes[owner(deal) or deal["hubspot_id"]] = deal["place_country_code"] or (
            "?" if deal["place_country_text"] else None
        )
    by_country: defaultdict[str | None, set[str]] = defaultdict(set)
    deals_by_country: defaultdict[str | None, list[Row]] = defaultdict(list)
    for deal in won:
        country = homes[owner(deal) or deal["hubspot_id"]]
        deals_by_country[country].append(deal)
        if owner(deal):
            by_country[country].add(owner(deal))
    return by_country, deals_by_country, sum(not owner(d) for d in won)


def leaks(records: Records, disqualified: set[str]) -> dict[str | None, Counter[str]]:
    in_open_deal = {
        contact
        for deal, contact in records.links
        for d in records.deals
        if d["hubspot_id"] == deal and d["outcome"] == "open" and not (d["archived_at"] or d["merged_into"])
    }
    result: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    for contact in records.counted(records.contacts):
        was_lead = "lead" in contact["stages_entered"]
        if contact["referenced_only"] or not (contact["lifecycle_stage"] in LEAD_OR_LATER or was_lead):
            continue
        counts = result[contact["source"]]
        counts["leads"] += 1
        if contact["lead_status"] in disqualified:
            counts["disqualified"] += 1
        elif contact["lead_status"] == "BAD_TIMING":
            counts["postponed"] += 1
        elif (
            contact["lifecycle_stage"] in {"lead", "marketingqualifiedlead", "salesqualifiedlead"}
            and contact["hubspot_id"] not in in_open_deal
            and contact["modified_at"] <= records.as_of - timedelta(days=90)
        ):
            counts["stuck"] += 1
    return result


def losses(records: Records) -> dict[Any, list[Row]]:
    result: defaultdict[Any, list[Row]] = defaultdict(list)
    for deal in records.counted(records.deals):
        if deal["outcome"] == "lost":
            result[loss_theme(deal["loss_reason"]).key if deal["loss_reason"] else None].append(deal)
    return result


def overdue(records: Records) -> list[Row]:
    today = records.day(records.as_of)
    return [
        d
        for d in records.counted(records.deals)
        if d["outcome"] == "open" and d["close_at"] and records.close_day(d) < today
    ]


def largest(deals: list[Row]) -> list[Decimal]:
    """The three largest amounts; the candidates are all in dollars where the test compares them."""
    return sorted((d["amount"] for d in deals if d["amount"] and d["amount"] > 0), reverse=True)[:3]


def notable(records: Records) -> Row | None:
    """The candidates are all in dollars where the test compares them."""
    deals = [d for d in records.counted(records.deals) if d["amount"] and d["amount"] > 0]
    late = [d for d in deals if d["outcome"] == "open" and d["late_stage"]]
    since = records.as_of - timedelta(days=90)
    recent = [d for d in deals if d["outcome"] == "won" and d["close_at"] and since < d["close_at"] <= records.as_of]
    return max(late or recent, key=lambda d: d["amount"], default=None)
