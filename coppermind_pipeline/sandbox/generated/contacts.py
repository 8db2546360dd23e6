"""Made-up contacts, with the defects of real ones: blanks, doubles, colleagues, and an intern's tests."""

import random
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from coppermind_pipeline.sandbox.generated.common import Frame, Values, entered_stage, erp_number
from coppermind_pipeline.sandbox.generated.words import FIRST_NAMES, FORMS, JOB_TITLES, LAST_NAMES, STREETS
from coppermind_pipeline.sandbox.generated.world import SOURCES, CompanyFacts, World
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.timestamps import DAY_MS, iso

_STAGES = (
    ("subscriber",) * 14
    + ("lead",) * 42
    + ("marketingqualifiedlead",) * 14
    + ("salesqualifiedlead",) * 8
    + ("opportunity",) * 8
    + ("customer",) * 12
    + ("evangelist",)
    + ("other",)
)
_PASSED = {
    "marketingqualifiedlead": ("lead",),
    "salesqualifiedlead": ("lead", "marketingqualifiedlead"),
    "opportunity": ("lead", "marketingqualifiedlead", "salesqualifiedlead"),
    "customer": ("lead", "salesqualifiedlead", "opportunity"),
}
_STATUSES = (
    ("NEW",) * 6
    + ("OPEN",) * 4
    + ("IN_PROGRESS",) * 3
    + ("OPEN_DEAL",) * 2
    + ("UNQUALIFIED",) * 4
    + ("ATTEMPTED_TO_CONTACT",) * 3
    + ("CONNECTED",) * 2
    + ("BAD_TIMING",) * 3
)
_DISQUALIFIED = ("no_budget", "wrong_fit", "competitor", "no_response")
_INTERESTS = ("core", "analytics", "core;analytics", "services", "training;services")
_DRILL_DOWNS = {
    "ORGANIC_SEARCH": ("google", "bing", "Unknown keywords (SSL)"),
    "PAID_SEARCH": ("brand terms us", "generic crm 2025", "competitor terms"),
    "REFERRALS": ("partner-blog.example", "review-site.example"),
    "EMAIL_MARKETING": ("Spring newsletter", "Webinar follow-up"),
    "SOCIAL_MEDIA": ("LinkedIn", "Facebook"),
    "PAID_SOCIAL": ("LinkedIn", "Facebook"),
    "OFFLINE": ("IMPORT", "CRM_UI", "INTEGRATION", "API"),
    "DIRECT_TRAFFIC": ("www.harborlight.example/pricing", "www.harborlight.example"),
    "OTHER_CAMPAIGNS": ("trade-fair-2025",),
    "AI_REFERRALS": ("chatgpt.com", "perplexity.ai"),
}
_OBJECT_SOURCES = ("CRM_UI", "IMPORT", "FORM", "INTEGRATION", "EMAIL_INTEGRATION")
_TEST_PEOPLE = (
    ("Test", "Test", "test{n}@test.example"),
    ("asdf", "asdf", "asdf{n}@asdf.example"),
    ("Intern", "TEST please ignore", "intern.test+{n}@{own}"),
    ("Mickey", "Mouse", "a{n}@a.example"),
)


def generated_contacts(world: World, owner_ids: list[str]) -> Iterator[StoredRecord]:
    """Yield the contacts in ascending order of id."""
    rng = world.rng("contacts")
    r = rng.random
    previous_email: str | None = None
    for index in range(world.contacts):
        created_ms = world.created_ms(index, world.contacts, r())
        chance, other = r(), r()
        frame = Frame(
            CONTACTS,
            world.record_id(CONTACTS, index),
            created_ms,
            modified_ms=world.modified_ms(created_ms, r(), r()),
            owner=owner_ids[int(r() * len(owner_ids))] if r() > 0.2 else None,
            archived_ms=world.now_ms - int(50 * DAY_MS * other) if chance > 0.992 else None,
        )
        person = _person(world, rng, index, previous_email)
        previous_email = person.email
        values = _identity(person, frame, chance=chance, other=other)
        values |= _funnel(person, frame, rng, other=other)
        values |= _engagement(person, frame, rng, other=other)
        values |= _place(person, rng, chance=chance, other=other)
        yield frame.record(values)


class _Person(NamedTuple):
    """Who a contact is, and how it came."""

    number: int
    first: str
    last: str
    email: str | None
    employer: CompanyFacts | None
    employer_id: int | None
    source: str | None
    stage: str


def _person(world: World, rng: random.Random, index: int, previous_email: str | None) -> _Person:
    """Choose a person: mostly a customer's, now and then a colleague, a double, or one of the intern's tests."""
    r = rng.random
    company = world.company_of_contact(index) if world.companies else None
    employer = None if company is None else world.company(company)
    employer_id = world.record_id(COMPANIES, company) if company is not None and is_associated(index) else None
    first = FIRST_NAMES[int(r() * len(FIRST_NAMES))]
    last = LAST_NAMES[int(r() * len(LAST_NAMES))]
    stage = _STAGES[int(r() * len(_STAGES))]
    source = world.contact_source(index)
    email: str | None = f"{mailbox(first)}.{mailbox(last)}{index}@{employer.domain if employer else 'mail.example'}"
    if index % 250 == 17:
        first, last, pattern = _TEST_PEOPLE[index // 250 % len(_TEST_PEOPLE)]
        email, source, stage = pattern.format(n=index, own=world.own_domain), "OFFLINE", "lead"
    elif index % 140 == 3:
        email = f"{mailbox(first)}.{mailbox(last)}@{world.own_domain}"
    elif index % 97 == 5 and previous_email:
        email = previous_email.upper()
    elif r() < 0.04:
        email = None
    return _Person(index, first, last, email, employer, employer_id, source, stage)


def _identity(person: _Person, frame: Frame, *, chance: float, other: float) -> Values:
    origin = _OBJECT_SOURCES[int(chance * len(_OBJECT_SOURCES))]
    return {
        "email": person.email,
        "firstname": person.first if chance > 0.02 else None,
        "lastname": person.last if chance > 0.05 else None,
        "jobtitle": JOB_TITLES[int(other * len(JOB_TITLES))] if chance > 0.2 else None,
        "company": person.employer.name if person.employer and chance > 0.1 else None,
        "associatedcompanyid": None if person.employer_id is None else str(person.employer_id),
        "phone": f"+1 555 01{person.number % 100:02}" if other > 0.3 else None,
        "hs_email_domain": person.email.partition("@")[2].lower() if person.email else None,
        "hs_full_name_or_email": f"{person.first} {person.last}",
        "hs_is_contact": "true",
        "hs_all_contact_vids": str(frame.record_id),
        "hs_object_source": origin,
        "hs_object_source_label": origin,
        "external_system_id": erp_number(frame.record_id) if chance > 0.6 else None,
    }


def _funnel(person: _Person, frame: Frame, rng: random.Random, *, other: float) -> Values:
    """Where the contact came from, and how far it got."""
    r = rng.random
    stage, source = person.stage, person.source
    status = _STATUSES[int(r() * len(_STATUSES))] if r() > 0.45 else None
    drill_downs = _DRILL_DOWNS[source] if source else ()
    values: Values = {
        "lifecyclestage": stage,
        "hs_pipeline": "contacts-lifecycle-pipeline",
        "hs_lead_status": status,
        "hs_is_unworked": "true" if status in {None, "NEW"} else "false",
        "disqualification_reason": _DISQUALIFIED[int(other * 4)] if status == "UNQUALIFIED" and r() > 0.4 else None,
        "hs_analytics_source": source,
        "hs_analytics_source_data_1": drill_downs[int(r() * len(drill_downs))] if drill_downs else None,
        "hs_analytics_source_data_2": f"batch-{person.number % 40}" if source == "OFFLINE" else None,
        "hs_latest_source": SOURCES[int(other * len(SOURCES))],
        "hs_latest_source_timestamp": iso(frame.modified_ms),
        "hs_analytics_first_timestamp": iso(frame.created_ms),
        "num_associated_deals": "1" if stage in {"opportunity", "customer"} else None,
        "nps_score": str(int(11 * r())) if stage == "customer" and other > 0.4 else None,
        **entered_stage(stage, frame.modified_ms),
    }
    span_ms = frame.modified_ms - frame.created_ms
    for step, passed in enumerate(_PASSED.get(stage, ())):
        values[f"hs_v2_date_entered_{passed}"] = iso(frame.created_ms + span_ms * step // 4)
    return values


def _engagement(person: _Person, frame: Frame, rng: random.Random, *, other: float) -> Values:
    """What the contact did on the web and with e-mails."""
    r = rng.random
    views = int(60 * other**3)
    conversions = int(3 * r())
    mailed = r() > 0.3
    return {
        "hs_analytics_num_page_views": str(views),
        "hs_analytics_num_visits": str(views // 4),
        "hs_analytics_num_event_completions": "0",
        "hs_analytics_average_page_views": "4" if views else "0",
        "hs_analytics_revenue": "0.0",
        "num_conversion_events": str(conversions),
        "num_unique_conversion_events": str(min(conversions, 1)),
        "first_conversion_event_name": FORMS[int(other * len(FORMS))] if conversions else None,
        "hs_email_delivered": str(int(30 * other)) if mailed else None,
        "hs_email_open": str(int(12 * other)) if mailed else None,
        "hs_email_optout": "true" if other < 0.04 else None,
        "hs_marketable_status": "true" if mailed else "false",
        "hs_sequences_actively_enrolled_count": "0",
        "hs_social_linkedin_clicks": "0",
        "notes_last_updated": iso(frame.modified_ms) if other > 0.5 else None,
        "num_notes": str(int(6 * other)) if other > 0.5 else None,
        "interests": _INTERESTS[person.number % len(_INTERESTS)] if r() > 0.7 else None,
    }


def _place(person: _Person, rng: random.Random, *, chance: float, other: float) -> Values:
    """Where the contact is, as people type it; for one in seven nobody typed it."""
    if person.employer is None or chance <= 0.15:
        return {"country": "n/a" if chance < 0.01 else None}
    city, state, zip_code = person.employer.town
    code, spellings, _ = person.employer.place
    return {
        "city": city,
        "state": state or None,
        "zip": zip_code if other > 0.3 else None,
        "address": f"{person.number % 190 + 1} {STREETS[int(other * len(STREETS))]}" if other > 0.6 else None,
        "country": spellings[int(other * len(spellings))] if rng.random() > 0.12 else None,
        "hs_country_region_code": code if other > 0.7 else None,
        "ip_country_code": code.lower() if other > 0.5 else None,
    }


@cache
def mailbox(name: str) -> str:
    """Spell a name as it stands in an e-mail address: small letters without accents or signs."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalpha())


def is_associated(contact: int) -> bool:
    """Tell whether a generated contact is linked with its company."""
    return contact % 9 != 4
