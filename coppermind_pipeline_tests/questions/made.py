"""What makes figures hard, made up: a tangled portal, one that was imported whole, and three weeks of anybody's life.

Tangled: bare days at the edges of months, two won stages in one pipeline, three currencies, deals that filters leave
out, reasons left on won deals, merged contacts, contacts that skipped stages or went back, names that begin alike.
Imported: every contact arrived "Offline", every close date is a bare day, and nobody knows when a stage was entered.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from coppermind_pipeline.sandbox import ControlClient

AT_BOARD = datetime(2026, 10, 30, tzinfo=UTC)

_OPEN, _WON, _LOST = (0.3, False), (1.0, True), (0.0, True)


def _stage(order: int, stage: str, label: str, chance: float, closed: bool) -> dict[str, Any]:
    return {"id": stage, "label": label, "displayOrder": order,
            "metadata": {"isClosed": str(closed).lower(), "probability": str(chance)}}  # fmt: skip


PIPELINES = [
    {"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "stages": [
        _stage(0, "appointmentscheduled", "Appointment Scheduled", *_OPEN),
        _stage(1, "contractsent", "Contract Sent", 0.9, closed=False),
        _stage(2, "closedwon", "Closed Won", *_WON),
        _stage(3, "wonbypartner", "Won by a Partner", *_WON),
        _stage(4, "closedlost", "Closed Lost", *_LOST),
    ]},
    {"id": "7001", "label": "Renewals", "displayOrder": 1, "stages": [
        _stage(0, "7101", "Renewal Due", 0.5, closed=False),
        _stage(1, "7102", "Renewed", *_WON),
        _stage(2, "7103", "Churned", *_LOST),
    ]},
]  # fmt: skip
OPEN_STAGES = ("appointmentscheduled", "qualifiedtobuy", "contractsent", "7101", "248117001", "248117002")

_OWNERS = ("501001", "501002", "501003")
_SOURCES = ("PAID_SEARCH", "PAID_SEARCH", "ORGANIC_SEARCH", "REFERRALS", "OFFLINE", "EMAIL_MARKETING", None)
_COMPANIES = ("Acme", "Acme Labs", "Acme & Sons", "The Acme", "Globex", "Initech", "Umbrella", "Hooli", "Stark")
_COUNTRIES = (
    "United States",
    "USA",
    "Germany",
    "Deutschland",
    "UK",
    "France",
    "Untied States",
    "Atlantis",
    "n/a",
    None,
)
REASONS = (
    "Too expensive",
    "Went with a competitor",
    "Chose Salesforce instead",
    "No budget",
    "n/a",
    "lost",
    None,
    None,
)
# Some are no region of any country, or of another than the record's.
_REGIONS = ("Bavaria", "California", "Bayern", "CA", "n/a", "BY", None, "Kalifornien", "England", "-")
_DETAILS = ("brand", "n/a", None, "generic", "-")
_FUNNEL = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")


def fill_tangled(control: ControlClient, chance: Random) -> None:
    _owners(control)
    companies = [
        control.create("companies", {"name": name, "domain": f"company{number}.example",
                                     "country": chance.choice(_COUNTRIES), "state": _REGIONS[number % 7],
                                     "hs_analytics_source": chance.choice(_SOURCES)},
                       at_ms=_ms(_before(chance, 500)))
        for number, name in enumerate(_COMPANIES)
    ]  # fmt: skip
    contacts = [_contact(control, chance, number, companies) for number in range(140)]
    for first, second in zip(contacts[:12:2], contacts[1:12:2], strict=True):
        contacts.append(control.merge("contacts", first, second))
    contacts = contacts[12:]
    control.archive("contacts", contacts[:3])
    for number in range(160):
        _deal(control, chance, number, contacts, companies)
    _contradict(control)


def _contradict(control: ControlClient) -> None:
    """Have a stage deleted while a won deal is in it, and a deal marked as lost that is in a won stage."""
    won = {"pipeline": "default", "closedate": "2026-09-15T15:00:00Z", "amount": "4711.5", "dealtype": "newbusiness"}
    control.set_stage("default", "legacy", label="Legacy", probability=1.0, closed=True)
    for name, stage in (("In a deleted stage", "legacy"), ("Marked as lost", "closedwon")):
        deal = control.create("deals", {**won, "dealname": name, "dealstage": stage}, at_ms=_ms(AT_BOARD))
        if stage == "closedwon":
            control.edit("deals", [deal], {"hs_is_closed_won": "false"}, touch=False)
    control.remove_stage("default", "legacy")


def fill_imported(control: ControlClient, chance: Random) -> None:
    imported = AT_BOARD - timedelta(days=50)
    companies = control.create_many("companies", [{"name": name} for name in _COMPANIES], at_ms=_ms(imported))
    people: list[Mapping[str, str | None]] = [
        {"firstname": f"Person{number}", "lastname": "Doe", "email": f"person{number}@acme.example",
         "hs_analytics_source": "OFFLINE", "hs_analytics_source_data_1": "IMPORT",
         "lifecyclestage": chance.choice((*_FUNNEL, "subscriber", "other")),
         "associatedcompanyid": chance.choice(companies), "country": chance.choice(("New Zealand", "Australia", None))}
        for number in range(70)
    ]  # fmt: skip
    contacts = control.create_many("contacts", people, at_ms=_ms(imported))
    for number in range(60):
        closed = chance.random() < 0.75
        day = (AT_BOARD - timedelta(days=chance.randrange(650))).date() if closed else _at_an_edge(chance)
        if number % 6 == 0:
            day = _at_an_edge(chance)
        stage = chance.choice(("closedwon", "closedlost") if closed else ("appointmentscheduled", "contractsent"))
        deal = control.create("deals", {
            "dealname": f"Imported {number}", "pipeline": "default", "dealstage": stage,
            "closedate": _midnight(day), "amount": chance.choice((None, str(chance.randrange(100, 9000)))),
            "closed_lost_reason": chance.choice(("n/a", "-", "lost", None)) if stage == "closedlost" else None,
        }, at_ms=_ms(imported + timedelta(hours=number)))  # fmt: skip
        control.associate(("deals", deal), ("companies", chance.choice(companies)))
        control.associate(("deals", deal), ("contacts", chance.choice(contacts)))


def live_on(control: ControlClient, chance: Random, start: datetime, end: datetime) -> None:
    """Have deals be won, lost, postponed, repriced, reopened and created, and contacts come and move on."""
    state = control.export()
    deals = sorted(state.live("deals").values(), key=lambda each: int(each.id))
    open_ones = [deal for deal in deals if deal.properties.get("dealstage") in OPEN_STAGES]
    stages = [(p["id"], s["id"], s["metadata"]) for p in state.pipelines["deals"] for s in p["stages"]]

    def stage(pipeline: str, probability: float) -> str:
        return next(s for p, s, meta in stages if p == pipeline and float(meta["probability"]) == probability)

    for number, deal in enumerate(chance.sample(open_ones, min(24, len(open_ones)))):
        at, pipeline = _between(chance, start, end), deal.properties["pipeline"]
        changes: dict[str, str | None] = [
            {"dealstage": stage(pipeline, 1.0), "closedate": _iso(at)},
            {"dealstage": stage(pipeline, 0.0), "closedate": _iso(at),
             "closed_lost_reason": chance.choice(("Chose Salesforce instead", "No budget", None))},
            {"closedate": _midnight(date(2027, 1, 1) + timedelta(days=chance.randrange(60)))},
            {"amount": str(chance.randrange(1_000, 20_000))},
            {"closedate": _iso(at + timedelta(days=3))},
        ][number % 5]  # fmt: skip
        control.edit("deals", [deal.id], changes, at_ms=_ms(at))
    for deal in [each for each in deals if each.properties.get("dealstage") == "closedlost"][:2]:
        control.edit("deals", [deal.id], {"dealstage": "appointmentscheduled"}, at_ms=_ms(_between(chance, start, end)))
    for number in range(6):
        at = _between(chance, start, end)
        control.create("deals", {"dealname": f"Of November {number}", "pipeline": "default",
                                 "dealstage": "appointmentscheduled", "amount": chance.choice((None, "4200.50")),
                                 "dealtype": "newbusiness",
                                 "closedate": _iso(at + timedelta(days=30))}, at_ms=_ms(at))  # fmt: skip
    people = sorted(state.live("contacts").values(), key=lambda each: int(each.id))
    for contact in chance.sample(people, min(12, len(people))):
        later = _FUNNEL[min(4, 1 + chance.randrange(4))]
        at = _between(chance, start, end)
        control.edit("contacts", [contact.id], {"lifecyclestage": later,
                                                **({f"hs_v2_date_entered_{later}": _iso(at)} if chance.random() < 0.7
                                                   else {})}, at_ms=_ms(at))  # fmt: skip
    for number in range(9):
        control.create("contacts", {"firstname": "New", "lastname": f"One{number}", "lifecyclestage": "lead",
                                    "email": f"new.one{number}@autumn.example",
                                    "hs_analytics_source": chance.choice(_SOURCES)},
                       at_ms=_ms(_between(chance, start, end)))  # fmt: skip


def live_on_tangled(control: ControlClient, chance: Random, start: datetime, end: datetime) -> None:
    """Have people also be merged who had been read as two."""
    live_on(control, chance, start, end)
    people = sorted(control.export().live("contacts"), key=int)
    for first, second in zip(people[:6:2], people[1:6:2], strict=True):
        control.merge("contacts", first, second)


def _owners(control: ControlClient) -> None:
    control.set_owners([
        {"id": owner, "email": f"owner{owner}@kestrel.example", "firstName": name, "lastName": "Roe",
         "userId": int(owner), "archived": False}
        for owner, name in zip(_OWNERS, ("Ada", "Bo", "Cy"), strict=True)
    ])  # fmt: skip


def _contact(control: ControlClient, chance: Random, number: int, companies: Sequence[str]) -> str:
    created = _before(chance, 800)
    modified = max(created, _before(chance, 200)) if chance.random() < 0.7 else created
    stage = chance.choice((*_FUNNEL, *_FUNNEL, "subscriber", "other", None))
    values: dict[str, str | None] = {
        "firstname": f"Person{number}", "lastname": "Roe", "createdate": _iso(created), "lifecyclestage": stage,
        "email": f"person{number}@{'mail.kestrel' if number % 12 == 5 else 'kestrelbird'}.example",
        "hs_analytics_source": chance.choice(_SOURCES), "hubspot_owner_id": chance.choice((*_OWNERS, None)),
        "hs_analytics_source_data_1": _DETAILS[number % len(_DETAILS)], "state": _REGIONS[number % len(_REGIONS)],
        "hs_lead_status": chance.choice((None, None, "NEW", "UNQUALIFIED", "BAD_TIMING")),
        "country": chance.choice(_COUNTRIES), "hs_country_region_code": chance.choice((None, None, None, "DE")),
        "associatedcompanyid": chance.choice((*companies, None, None)),
    }  # fmt: skip
    reached = _FUNNEL[: _FUNNEL.index(stage) + 1] if stage in _FUNNEL else ()
    # Some stages are skipped, and some dates go backwards.
    for step in reached:
        if chance.random() < 0.75:
            at = created + (modified - created) * chance.random()
            values[f"hs_v2_date_entered_{step}"] = _iso(at)
    return control.create("contacts", values, at_ms=_ms(modified))


def _deal(
    control: ControlClient, chance: Random, number: int, contacts: Sequence[str], companies: Sequence[str]
) -> None:
    pipeline = chance.choice(("default", "default", "7001"))
    stage = chance.choice(
        ("closedwon", "wonbypartner", "closedlost", "closedlost", "appointmentscheduled", "contractsent")
        if pipeline == "default" else ("7101", "7102", "7103")
    )  # fmt: skip
    is_open = stage in OPEN_STAGES
    created = _before(chance, 200 if is_open else 700)
    closes = created + timedelta(days=chance.randrange(3, 150), seconds=chance.randrange(86_400))
    if not is_open and closes > AT_BOARD:
        closes = AT_BOARD - timedelta(hours=chance.randrange(200))
    written = _midnight(_at_an_edge(chance)) if number % 5 == 0 else _iso(closes)
    currency = chance.choice((None, "EUR", "EUR", "USD", "GBP"))
    deal = control.create("deals", {
        "dealname": f"Deal {number}", "pipeline": pipeline, "dealstage": stage, "createdate": _iso(created),
        "closedate": None if number % 31 == 7 else written,
        "amount": chance.choice((None, "0", f"{chance.randrange(100, 90_000)}.{chance.randrange(100):02}",
                                 str(chance.randrange(100, 9_000)), str(chance.randrange(100, 9_000)))),
        "deal_currency_code": currency,
        "hs_exchange_rate": {"USD": "0.91", "GBP": "1.17"}.get(currency or ""),
        "dealtype": chance.choice(("newbusiness", "newbusiness", "existingbusiness", "existingbusiness", "internal")),
        "hubspot_owner_id": chance.choice((*_OWNERS, None)),
        "hs_analytics_source": chance.choice((*_SOURCES, None, None)),
        # Left on won and reopened deals, too.
        "closed_lost_reason": chance.choice(REASONS),
    }, at_ms=_ms(min(max(created, closes), AT_BOARD)))  # fmt: skip
    for contact in chance.sample(contacts[3:], chance.choice((0, 1, 2))):
        control.associate(("deals", deal), ("contacts", contact))
    for company in chance.sample(companies, chance.choice((0, 1, 1, 2))):
        control.associate(("deals", deal), ("companies", company))


def _at_an_edge(chance: Random) -> date:
    """Return a day at the edge of a month, quarter or year, the day on which another reading of it differs."""
    return chance.choice((date(2026, 1, 1), date(2026, 7, 1), date(2026, 10, 1), date(2026, 10, 1), date(2026, 11, 1),
                          date(2026, 6, 30), date(2026, 9, 30), date(2025, 12, 31), date(2025, 10, 1)))  # fmt: skip


def _before(chance: Random, days: int) -> datetime:
    return AT_BOARD - timedelta(days=chance.randrange(1, days), seconds=chance.randrange(86_400))


def _between(chance: Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(hours=2) + (end - start - timedelta(hours=12)) * chance.random()


def _midnight(day: date) -> str:
    return _iso(datetime.combine(day, time(), UTC))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
