"""Made-up companies."""

import random
from collections.abc import Iterator

from coppermind_pipeline.sandbox.generated.common import Frame, Values, entered_stage, erp_number
from coppermind_pipeline.sandbox.generated.world import SOURCES, CompanyFacts, World
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.timestamps import DAY_MS, iso, iso_date

_INDUSTRIES = (
    "COMPUTER_SOFTWARE",
    "MACHINERY",
    "RETAIL",
    "FINANCIAL_SERVICES",
    "HEALTH_WELLNESS_AND_FITNESS",
    "CONSTRUCTION",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "MARKETING_AND_ADVERTISING",
    "HIGHER_EDUCATION",
    "INSURANCE",
    "WINE_AND_SPIRITS",
    "RENEWABLES_ENVIRONMENT",
)
_STAGES = ("lead",) * 8 + ("marketingqualifiedlead",) * 3 + ("opportunity",) * 3 + ("customer",) * 5 + ("other",)
_STATUSES = ("NEW", "OPEN", "IN_PROGRESS", "UNQUALIFIED", "BAD_TIMING")
_REGIONS = {"US": "north_america", "CA": "north_america", "DE": "dach", "GB": "uk_ireland"}
_TIERS = ("a", "b", "b", "c", "c", "c")
_PRODUCTS = ("core", "core;analytics", "core;services", "core;analytics;training")


def generated_companies(world: World, owner_ids: list[str]) -> Iterator[StoredRecord]:
    """Yield the companies in ascending order of id."""
    rng = world.rng("companies")
    r = rng.random
    for index in range(world.companies):
        created_ms = world.created_ms(index, world.companies, r())
        frame = Frame(
            COMPANIES,
            world.record_id(COMPANIES, index),
            created_ms,
            modified_ms=world.modified_ms(created_ms, r(), r()),
            owner=owner_ids[int(r() * len(owner_ids))] if r() > 0.15 else None,
            archived_ms=world.now_ms - int(50 * DAY_MS * r()) if r() < 0.008 else None,
        )
        facts = world.company(index)
        stage = _STAGES[int(r() * len(_STAGES))]
        values = _identity(facts, frame, rng, index)
        values |= _funnel(frame, rng, stage, contacts=len(world.contacts_of_company(index)))
        values |= _own_properties(facts, frame, rng, stage)
        yield frame.record(values)


def _identity(facts: CompanyFacts, frame: Frame, rng: random.Random, index: int) -> Values:
    r = rng.random
    chance = r()
    employees = int(3 + 4000 * chance**6)
    city, state, zip_code = facts.town
    spellings = facts.place.spellings
    origin = "CRM_UI" if chance > 0.5 else "IMPORT"
    return {
        "name": facts.name,
        "domain": facts.domain if chance > 0.06 else None,
        "website": f"https://www.{facts.domain}",
        "city": city if chance > 0.12 else None,
        "state": state or None,
        "zip": zip_code,
        "country": spellings[int(r() * len(spellings))] if r() > 0.1 else None,
        "hs_country_code": facts.place.code if r() > 0.5 else None,
        "timezone": "america_slash_new_york" if facts.place.code == "US" else None,
        "phone": f"+1 555 01{index % 100:02}",
        "industry": _INDUSTRIES[int(r() * len(_INDUSTRIES))] if r() > 0.2 else None,
        "numberofemployees": str(employees) if r() > 0.25 else None,
        "annualrevenue": str(employees * 140_000) if r() > 0.4 else None,
        "hs_task_label": facts.name,
        "hs_object_source": origin,
        "hs_object_source_label": origin,
        "hs_was_imported": "true" if origin == "IMPORT" else None,
        "notes_last_updated": iso(frame.modified_ms) if chance > 0.4 else None,
    }


def _funnel(frame: Frame, rng: random.Random, stage: str, *, contacts: int) -> Values:
    """Where the company came from, and how far it got."""
    r = rng.random
    source = SOURCES[int(r() * len(SOURCES))] if r() > 0.1 else None
    return {
        "lifecyclestage": stage,
        "hs_pipeline": "companies-lifecycle-pipeline",
        "hs_lead_status": _STATUSES[int(r() * len(_STATUSES))] if r() > 0.7 else None,
        "hs_analytics_source": source,
        "hs_analytics_source_data_1": "CRM_UI" if source == "OFFLINE" else None,
        "hs_analytics_latest_source": source,
        "hs_analytics_num_page_views": str(int(40 * r())),
        "hs_analytics_num_visits": str(int(9 * r())),
        "hs_analytics_first_timestamp": iso(frame.created_ms),
        "num_associated_contacts": str(contacts),
        "num_conversion_events": str(int(4 * r())),
        "hs_num_child_companies": "0",
        "hs_num_blockers": "0",
        "hs_num_decision_makers": "0",
        "hs_num_open_deals": str(int(2 * r())),
        "hs_target_account_probability": f"{0.3 + 0.5 * r():.16f}",
        "hs_is_target_account": "true" if r() > 0.9 else None,
        **entered_stage(stage, frame.created_ms),
    }


def _own_properties(facts: CompanyFacts, frame: Frame, rng: random.Random, stage: str) -> Values:
    """The portal's own properties."""
    r = rng.random
    return {
        "client_tier": _TIERS[int(r() * len(_TIERS))] if r() > 0.5 else None,
        "products_owned": _PRODUCTS[int(r() * len(_PRODUCTS))] if stage == "customer" else None,
        "account_region": _REGIONS.get(facts.place.code, "row") if r() > 0.3 else None,
        "external_system_id": erp_number(frame.record_id) if r() > 0.4 else None,
        "last_review_date": iso_date(frame.modified_ms - 30 * DAY_MS) if r() > 0.8 else None,
    }
