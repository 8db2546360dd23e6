"""What each call has to answer, told from the portal's own records: the same names at the same places, and no more."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from coppermind_pipeline_tests.questions.periods import Days, asked_range, compared_range, elapsed_days
from coppermind_pipeline_tests.questions.portals import NOW, SYNCED, Asked
from coppermind_pipeline_tests.questions.source import THEMES, Deal, Source, country, detail, region
from coppermind_pipeline_tests.reports.leads import oracle as leads
from coppermind_pipeline_tests.reports.recount import Recounted, recount, recount_losses

Told = Mapping[str, Any]
_MEASURES = ("closed_won", "closed_lost", "open", "overdue", "pipeline_created")
_ROWS = 16
_SYNCED = SYNCED.isoformat().replace("+00:00", "Z")
# What dates won deals, and lost ones.
BASES = {
    "closedate": ("close_at", "close_at"),
    "date_entered_closed_won": ("entered_closed_won_at", "close_at"),
    "hs_lastmodifieddate": ("modified_at", "modified_at"),
}


def source_of(asked: Asked, call: Mapping[str, Any]) -> Source:
    return Source(asked, asked.before if "as_of" in call else asked.after)


def crm_report(asked: Asked, call: Mapping[str, Any]) -> Told:
    source, days = source_of(asked, call), asked_range(asked, call)
    basis, outcomes = call.get("date_basis", "closedate"), tuple(call.get("outcome", "won,lost,open").split(","))
    deals = source.all_deals if call.get("include_filtered") else source.deals
    by_theme = call.get("group_by") == "loss_theme"
    told = [{**deal, "loss_reason": THEMES.get(deal["loss_reason"])} if by_theme else deal for deal in deals]

    def counted(days: Days, group_by: str | None = None) -> Mapping[str, Recounted]:
        return recount(told, zone=asked.zone, first=days.first, end=days.end, basis=basis, group_by=group_by,
                       today=NOW.astimezone(asked.zone).date(), outcomes=outcomes)  # fmt: skip

    def figures(found: Recounted) -> Told:
        return _figures(found, outcomes, asked.company_currency)

    earlier = compared_range(asked, call)
    won = closed_in(deals, "won", days, asked, basis) if "won" in outcomes else []
    lost = closed_in(deals, "lost", days, asked, basis) if "lost" in outcomes else []
    group_by = "loss_reason" if by_theme else call.get("group_by")
    groups = {} if group_by is None else counted(days, group_by)
    return {
        **_trust(asked, source),
        "period": {"compared_with": {"elapsed_days": elapsed_days(asked, call)}},
        "summary": {
            **figures(counted(days).get("", Recounted())),
            "average_deal": _averages(won),
            "top_deals": [{"amount": str(_cents(deal["amount"]))} for deal in _largest(won)],
            "closed_before_created": sum(days < 0 for days in counted(days).get("", Recounted()).days),
            "compared_with": None if earlier is None else figures(counted(earlier).get("", Recounted())),
        },
        "groups": {key: figures(found) for key, found in groups.items()},
        "losses": _losses(deals, days, asked, basis),
        "deals": {
            "total": len(won) + len(lost),
            "rows": [{"deal_id": deal["id"]} for deal in [*_newest(won), *_newest(lost)][:_ROWS]],
        },
    }  # fmt: skip


def closed_in(deals: Iterable[Deal], outcome: str, days: Days, asked: Asked, basis: str = "closedate") -> list[Deal]:
    column = BASES[basis][outcome == "lost"]
    return [
        deal
        for deal in deals
        if deal["outcome"] == outcome
        and (day := day_of(deal[column], asked, bare=column == "close_at")) is not None
        and days.first <= day < days.end
    ]


def day_of(moment: datetime | None, asked: Asked, *, bare: bool = False) -> date | None:
    if moment is None:
        return None
    is_bare = bare and moment.astimezone(UTC).time() == time()
    return moment.astimezone(UTC if is_bare else asked.zone).date()


def _figures(found: Recounted, outcomes: Sequence[str], company_currency: str) -> dict[str, Any]:
    won, lost = found.deals["closed_won"], found.deals["closed_lost"]
    return {
        **{name: _sum(found, name, company_currency) for name in _MEASURES},
        "win_rate": _rate(won, won + lost) if {"won", "lost"} <= {*outcomes} else None,
        "median_days_to_close": found.median_days,
        "weighted_pipeline": {currency: _cents(amount) for currency, amount in found.weighted.items()},
    }


def _sum(found: Recounted, measure: str, company_currency: str) -> Told:
    amounts = {currency: amount for (name, currency), amount in found.amounts.items() if name == measure}
    whole = measure in found.home and not found.without_home[measure]
    return {
        "deals": found.deals[measure],
        "amounts": amounts,
        "amount_home": {company_currency: found.home[measure]} if whole else None,
        "without_amount": found.without_amount[measure],
    }


def _averages(won: Iterable[Deal]) -> Mapping[str, Decimal]:
    amounts: defaultdict[str, list[Decimal]] = defaultdict(list)
    for deal in won:
        if deal["amount"] is not None:
            amounts[deal["currency"]].append(deal["amount"])
    return {currency: _cents(sum(each, Decimal(0)) / len(each)) for currency, each in amounts.items()}


def _largest(won: Iterable[Deal]) -> list[Deal]:
    priced = [deal for deal in won if deal["amount"] is not None]
    return sorted(priced, key=lambda deal: -deal["amount_home"])[:5]


def _newest(deals: Iterable[Deal]) -> list[Deal]:
    return sorted(deals, key=lambda deal: deal["close_at"], reverse=True)


def _losses(deals: Iterable[Deal], days: Days, asked: Asked, basis: str) -> Told:
    by_reason = recount_losses(deals, zone=asked.zone, first=days.first, end=days.end, basis=basis)
    without = len(by_reason.pop(None, []))
    themes: Counter[str] = Counter()
    for reason, lost in by_reason.items():
        themes[THEMES[reason or ""]] += len(lost)
    return {
        "deals": themes.total() + without,
        "with_reason": themes.total(),
        "without_reason": without,
        "themes": {theme: {"deals": count} for theme, count in themes.items()},
    }


def _trust(asked: Asked, source: Source) -> Told:
    counts = Counter(kind for kind, _ in source.in_window)
    stored = {kind: {"stored": counts[kind]} for kind in ("contacts", "companies", "deals")}
    return {"trust": {"freshness": "fresh", "last_successful_sync": _SYNCED, "record_counts": stored}}


def lead_report(asked: Asked, call: Mapping[str, Any]) -> Told:
    source, days = source_of(asked, call), asked_range(asked, call)
    contacts = source.all_contacts if call.get("include_filtered") else source.contacts
    earlier = compared_range(asked, call)

    def counted(days: Days, group_by: str | None = None, until: datetime | None = None) -> Mapping[str, Any]:
        start, end = days.moments(asked.zone)
        shared: dict[str, Any] = {"clock": NOW, "zone": asked.zone}
        found = leads.recount(contacts, start=start, end=end, key=_key(source, group_by, asked), until=until,
                              in_open_deal=source.in_open_deals, **shared)  # fmt: skip
        nobody = leads.figures_of_nobody(shared, until=until)
        return defaultdict(lambda: nobody, {key: _by_steps(each) for key, each in found.items()})

    summary = dict(counted(days)[""])
    if earlier is not None:
        summary["compared_with"] = counted(earlier, until=_followed_until(contacts, days, earlier, asked))[""]
    return {
        **_trust(asked, source),
        "period": {"compared_with": {"elapsed_days": elapsed_days(asked, call)}},
        "summary": _by_steps(summary),
        "groups": dict(counted(days, call["group_by"])) if "group_by" in call else {},
    }


def _followed_until(contacts: Iterable[leads.Contact], days: Days, earlier: Days, asked: Asked) -> datetime:
    """Return when the youngest contact of the earlier cohort was as old as that of the later one is now."""
    created = [each.created for each in contacts if each.created is not None]
    (start, end), (start_before, end_before) = days.moments(asked.zone), earlier.moments(asked.zone)
    youngest = max((at for at in created if start <= at < end), default=min(end, NOW))
    youngest_before = max((at for at in created if start_before <= at < end_before), default=end_before)
    return min(youngest_before + (NOW - youngest), NOW)


def _by_steps(figures: Mapping[str, Any]) -> dict[str, Any]:
    steps = figures["median_days"]
    if isinstance(steps, Mapping):
        return dict(figures)
    return {**figures, "median_days": {each["from_stage"]: each for each in steps}}


def _key(source: Source, group_by: str | None, asked: Asked) -> Callable[[leads.Contact, datetime], str]:
    def key(contact: leads.Contact, dated: datetime) -> str:
        said = contact.properties
        record = source.live["contacts", contact.id]
        code, written = country(record)
        place = code or (f"unrecognized:{written.lower()}" if written else "unknown")
        from_source = said.get("hs_analytics_source") or "(none)"
        return {
            None: "",
            "source": from_source,
            "source_detail": f"{from_source}/{detail(record) or '(none)'}",
            "country": place,
            "region": f"{place}/{region(record) or 'unknown'}",
            "owner": said.get("hubspot_owner_id") or "none",
            "lifecycle_stage": said.get("lifecyclestage") or "none",
            "month": f"{dated.astimezone(asked.zone):%Y-%m}",
        }[group_by]

    return key


def account(asked: Asked, call: Mapping[str, Any]) -> Told:
    source = Source(asked, asked.after)
    companies = [key for key in source.stored
                 if key[0] == "companies" and source.live[key].properties.get("name") == call["company"]]  # fmt: skip
    if not companies:
        return {"company": None, "contacts": None, "totals": None, "deals": None}
    (company,) = companies
    tied = [deal for deal in source.deals if company in source.links[deal["id"]]]
    own = [deal for deal in tied if deal["primary_company_id"] == company[1]]
    people = {key[1] for deal in tied for key in source.links[deal["id"]] if key[0] == "contacts"}
    people |= {key[1] for key in source.stored if key[0] == "contacts"
               and source.live[key].properties.get("associatedcompanyid") == company[1]}  # fmt: skip
    shown = {each for each in people if not source.is_filtered(("contacts", each))}
    today = NOW.astimezone(asked.zone).date()
    measures = {"closed_won": [deal for deal in own if deal["outcome"] == "won"],
                "closed_lost": [deal for deal in own if deal["outcome"] == "lost"],
                "open": [deal for deal in own if deal["outcome"] == "open"],
                "overdue": [deal for deal in own if deal["outcome"] == "open"
                            and (day := day_of(deal["close_at"], asked, bare=True)) and day < today]}  # fmt: skip
    return {
        "company": {"company_id": company[1]},
        "contacts": {"total": len(shown), "rows": [{"contact_id": each} for each in sorted(shown, key=int)]},
        "deals": {"total": len(tied)},
        "totals": {name: {"deals": len(deals), "amounts": _worth(deals)} for name, deals in measures.items()},
    }


def _worth(deals: Iterable[Deal]) -> Mapping[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for deal in deals:
        if deal["amount"] is not None:
            sums[deal["currency"]] += deal["amount"]
    return dict(sums)


def changes(asked: Asked, call: Mapping[str, Any]) -> Told:
    """Tell the steps deal by deal: each was read at most twice, before the time that is asked about and after it."""
    since = datetime.combine(date.fromisoformat(call["from"]), time(), asked.zone)
    before = {deal["id"]: deal for deal in Source(asked, asked.before).deals}
    after = {deal["id"]: deal for deal in Source(asked, asked.after).deals}
    steps: defaultdict[str, list[tuple[str, Decimal | None]]] = defaultdict(list)
    pushed = []
    for each, new in after.items():
        old = before.get(each)
        was, now = old is not None and old["outcome"] == "open", new["outcome"] == "open"
        worth = new["amount_home"]
        if old is None and now:
            steps["created" if new["created_at"] > since else "appeared"].append((each, worth))
        elif old is not None and not was and now:
            steps["reopened"].append((each, worth))
        elif old is not None and was:
            gained = (worth or Decimal(0)) - (old["amount_home"] or Decimal(0))
            if old["amount"] != new["amount"]:
                up = old["amount"] is None or gained > 0
                steps["amount_up" if up else "amount_down"].append((each, gained if up else -gained))
            if not now:
                steps[new["outcome"]].append((each, worth))
        if old is not None and was and now:
            closed, closes = (day_of(deal["close_at"], asked, bare=True) for deal in (old, new))
            end = _end_of_fiscal_quarter(asked, since)
            if closed and closes and closed < end <= closes:
                pushed.append(each)
    bridge = {step: {"deals": len(taken), "amount": sum((amount or Decimal(0) for _, amount in taken), Decimal(0))}
              for step, taken in steps.items()}  # fmt: skip
    listed = pushed if call.get("step") == "pushed_out" else [each for each, _ in steps[call.get("step", "")]]
    return {
        "in_company_currency": {"steps": bridge, "opening": _level(before.values()), "closing": _level(after.values())},
        "pushed_out": {"deals": len(pushed)},
        "deals": {"total": len(listed), "rows": [{"deal_id": each} for each in listed]},
    }


def _end_of_fiscal_quarter(asked: Asked, since: datetime) -> date:
    day = since.date()
    months = (day.month - asked.made.fiscal_month) % 3
    later = day.year * 12 + day.month - 1 - months + 3
    return date(later // 12, later % 12 + 1, 1)


def _level(deals: Iterable[Deal]) -> Told:
    is_open = [deal for deal in deals if deal["outcome"] == "open"]
    return {"deals": len(is_open), "amount": sum((deal["amount_home"] or Decimal(0) for deal in is_open), Decimal(0))}


def digest(asked: Asked, call: Mapping[str, Any]) -> Told:
    days = Days(date.fromisoformat(call["since"]), NOW.astimezone(asked.zone).date() + timedelta(days=1))
    deals = Source(asked, asked.after).deals
    return {"minds": {asked.name: {
        measure: {"deals": len(found), "amounts": _worth(found)}
        for measure in ("won", "lost") for found in [closed_in(deals, measure, days, asked)]
    } | {"freshness": "fresh"}}}  # fmt: skip


def brief(asked: Asked, call: Mapping[str, Any]) -> Told:
    won = closed_in(Source(asked, asked.after).deals, "won", asked_range(asked, call), asked)
    return {"numbers": {"closed_won.deals": {"values": [{"now": str(len(won))}]}}}


def explain(asked: Asked, call: Mapping[str, Any]) -> Told:
    """Tell of the number of won deals in the report of this year."""
    del call
    won = closed_in(Source(asked, asked.after).deals, "won", Days(date(2026, 1, 1), date(2027, 1, 1)), asked)
    return {"value": len(won), "total": len(won), "same_today": True}


def status(asked: Asked, call: Mapping[str, Any]) -> Told:
    del call
    return {"connectors": [{"hubspot_diagnostics": {"last_successful_hubspot_pull": _SYNCED}}], "mind": asked.name}


def _rate(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP) if whole else None


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


ORACLES: Mapping[str, Callable[[Asked, Mapping[str, Any]], Told]] = {
    "crm_report": crm_report,
    "lead_report": lead_report,
    "account": account,
    "changes": changes,
    "digest": digest,
    "brief": brief,
    "explain": explain,
    "status": status,
}
