"""The figures of a report counted again, deal by deal in plain Python, as a person with a calendar would."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Deal = Mapping[str, Any]

_BASES = {
    "closedate": "close_at",
    "hs_closed_won_date": "closed_won_at",
    "date_entered_closed_won": "entered_closed_won_at",
    "date_entered_current_stage": "entered_stage_at",
    "hs_lastmodifieddate": "modified_at",
}
_OF_LOSSES = {"loss_theme", "loss_reason"}
# What each reason of the tests' portals is about, by a person: (what a person reads, theme, its label).
REASONS = {
    "too_dear": ("Too expensive", "price", "Price"),
    "price_again": ("The price, once more", "price", "Price"),
    "rival": ("A rival's offer", "competitor", "Competitor"),
    "gone": (None, "unlabelled", "Reasons that HubSpot no longer has a label for"),
    "chemistry": ("Chemistry", "chemistry", "Chemistry"),
}
_WON_ONLY = {"hs_closed_won_date", "date_entered_closed_won"}


@dataclass
class Recounted:
    deals: Counter[str] = field(default_factory=Counter)
    without_amount: Counter[str] = field(default_factory=Counter)
    without_home: Counter[str] = field(default_factory=Counter)
    amounts: dict[tuple[str, str | None], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    home: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    weighted: dict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    days: list[int] = field(default_factory=list)

    @property
    def median_days(self) -> float | None:
        lasting = [days for days in self.days if days >= 0]
        return median(lasting) if lasting else None

    def add(self, measure: str, deal: Deal) -> None:
        self.deals[measure] += 1
        if deal["amount"] is None:
            self.without_amount[measure] += 1
            return
        self.amounts[measure, deal["currency"]] += deal["amount"]
        if deal["amount_home"] is None:
            self.without_home[measure] += 1
        else:
            self.home[measure] += deal["amount_home"]


def recount(
    deals: Iterable[Deal],
    *,
    zone: ZoneInfo,
    first: date,
    end: date,
    today: date,
    basis: str,
    group_by: str | None,
    outcomes: Collection[str] = ("won", "lost", "open"),
) -> dict[str, Recounted]:
    """Return the figures of each group by its key; ungrouped ones under ""."""
    groups: defaultdict[str, Recounted] = defaultdict(Recounted)

    def count(measure: str, deal: Deal, dated: date | None) -> Recounted:
        group = groups[_key(deal, group_by, dated)]
        group.add(measure, deal)
        return group

    for deal in deals:
        outcome = deal["outcome"]
        if outcome not in outcomes or (group_by in _OF_LOSSES and outcome != "lost"):
            continue
        lost_by_close_date = outcome == "lost" and basis in _WON_ONLY
        column = "close_at" if lost_by_close_date else _BASES[basis]
        reported = _day(deal[column], zone, may_be_bare=column in {"close_at", "closed_won_at"})
        closed, created = _day(deal["close_at"], zone, may_be_bare=True), _day(deal["created_at"], zone)
        if outcome != "open" and reported is not None and first <= reported < end:
            group = count(f"closed_{outcome}", deal, reported)
            if outcome == "won" and closed is not None and created is not None:
                group.days.append((closed - created).days)
        if outcome == "open":
            group = count("open", deal, closed)
            probability = deal["probability"] if deal["probability"] is not None else deal["stage_probability"]
            if deal["amount"] is not None and probability is not None:
                group.weighted[deal["currency"]] += deal["amount"] * probability
            if closed is not None and closed < today:
                count("overdue", deal, closed)
        if created is not None and first <= created < end:
            count("pipeline_created", deal, created)
    return groups


def recount_losses(
    deals: Iterable[Deal], *, zone: ZoneInfo, first: date, end: date, basis: str
) -> dict[str | None, list[Deal]]:
    """Return the lost deals of the range by their reason; those without one under None."""
    column = "close_at" if basis in _WON_ONLY else _BASES[basis]
    lost: defaultdict[str | None, list[Deal]] = defaultdict(list)
    for deal in deals:
        reported = _day(deal[column], zone, may_be_bare=column in {"close_at", "closed_won_at"})
        if deal["outcome"] == "lost" and reported is not None and first <= reported < end:
            lost[deal["loss_reason"]].append(deal)
    return lost


def _day(moment: datetime | None, zone: ZoneInfo, *, may_be_bare: bool = False) -> date | None:
    if moment is None:
        return None
    is_bare = may_be_bare and moment.astimezone(UTC).time() == time()
    return moment.astimezone(UTC if is_bare else zone).date()


def _key(deal: Deal, group_by: str | None, dated: date | None) -> str:
    country = (
        deal["place_country_code"]
        or (f"unrecognized:{deal['place_country_text'].lower()}" if deal["place_country_text"] else None)
        or "unknown"
    )
    return {
        None: "",
        "source": deal["attributed_source"] or "(none)",
        "owner": deal["owner_id"] or "none",
        "pipeline": deal["pipeline_id"] or "none",
        "stage": f"{deal['pipeline_id'] or 'none'}/{deal['stage_id'] or 'none'}",
        "country": country,
        "region": f"{country}/{(deal['place_region'] or 'unknown').lower()}",
        "month": f"{dated:%Y-%m}" if dated else "none",
        "company": deal["primary_company_id"] or "none",
        "loss_reason": deal["loss_reason"] or "(none)",
        "loss_theme": REASONS[deal["loss_reason"]][1] if group_by == "loss_theme" and deal["loss_reason"] else "(none)",
    }[group_by]
