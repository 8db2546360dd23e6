"""Made-up deals with their contacts and companies: two pipelines, two currencies, and gaps where people leave them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from coppermind_pipeline.sandbox.generated.common import Frame, Values, erp_number
from coppermind_pipeline.sandbox.generated.words import COMPETITORS, DEAL_SUBJECTS, LOST_REASONS, WON_REASONS
from coppermind_pipeline.sandbox.generated.world import World
from coppermind_pipeline.sandbox.portal.association_store import (
    DEAL_TO_COMPANY,
    DEAL_TO_CONTACT,
    DEAL_TO_PRIMARY_COMPANY,
    AssociationType,
)
from coppermind_pipeline.sandbox.portal.deal_values import calculated, probability_text
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS, DEALS
from coppermind_pipeline.sandbox.portal.pipelines import (
    DELETED_STAGE_ID,
    PARTNER_PIPELINE,
    SALES_PIPELINE,
    Pipelines,
    Stage,
)
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.timestamps import DAY_MS, iso, iso_date

EXCHANGE_RATES = {"EUR": Decimal("1.0825"), "GBP": Decimal("1.264"), "USD": Decimal(1), "BRL": Decimal("0.182")}
_PRODUCTS = ("core", "core;analytics", "services", "core;training")
_FORECASTS = ("PIPELINE", "BEST_CASE", "COMMIT", "OMIT")


@dataclass(frozen=True, slots=True)
class GeneratedDeal:
    """A deal and its links: (other id, type id)."""

    record: StoredRecord
    contacts: list[tuple[int, int]]
    companies: list[tuple[int, int]]


def generated_deals(
    world: World, owner_ids: list[str], pipelines: Pipelines, decision_maker: AssociationType
) -> Iterator[GeneratedDeal]:
    """Yield the deals in ascending order of id."""
    rng = world.rng("deals")
    r = rng.random
    for index in range(world.deals):
        created_ms = world.created_ms(index, world.deals, r())
        company = int(r() * world.companies) if world.companies else None
        contacts = _contacts(world, rng, company)
        pipeline = PARTNER_PIPELINE if r() < 0.22 else SALES_PIPELINE
        stage = _stage(pipeline.stages, r(), age_ms=world.now_ms - created_ms)
        values, modified_ms = _course(world, rng, index, created_ms, stage)
        frame = Frame(
            DEALS,
            world.record_id(DEALS, index),
            created_ms,
            modified_ms,
            owner=owner_ids[int(r() * len(owner_ids))] if r() > 0.05 else None,
            archived_ms=world.now_ms - int(50 * DAY_MS * r()) if r() < 0.01 else None,
        )
        values |= {"pipeline": pipeline.id, "dealstage": stage.id}
        values |= _identity(world, frame, rng, company, contacts)
        if index % 310 == 41:
            # Its stage was deleted in settings: only the deal itself still says how it ended.
            values |= {"dealstage": DELETED_STAGE_ID, "pipeline": PARTNER_PIPELINE.id}
            values |= {"hs_is_closed": "true", "hs_is_closed_won": "true" if index % 620 == 41 else "false"}
        present = {name: value for name, value in values.items() if value is not None}
        present["createdate"] = iso(created_ms)
        values |= calculated(present, pipelines=pipelines, company_currency=world.home_currency, rates=EXCHANGE_RATES)
        yield GeneratedDeal(
            frame.record(values),
            _contact_links(world, contacts, decision_maker, labelled=r() < 0.15),
            _company_links(world, company, r()),
        )


def _contacts(world: World, rng: random.Random, company: int | None) -> list[int]:
    """Choose up to three of a company's people; one deal in sixteen has nobody."""
    r = rng.random
    people = range(min(1, world.contacts)) if company is None else world.contacts_of_company(company)
    if not people or r() < 0.06:
        return []
    return sorted({people[int(r() * len(people))] for _ in range(int(1 + 3 * r()))})


def _identity(world: World, frame: Frame, rng: random.Random, company: int | None, contacts: list[int]) -> Values:
    """Name, currency and source; a fifth of the deals don't know where they came from."""
    r = rng.random
    facts = None if company is None else world.company(company)
    source = world.contact_source(contacts[0]) if contacts and r() > 0.2 else None
    currency = facts.currency if facts and world.foreign_currency and r() > 0.1 else None
    foreign = currency is not None and currency != world.home_currency
    return {
        "dealname": f"{facts.name if facts else 'Walk-in'} - {DEAL_SUBJECTS[int(r() * len(DEAL_SUBJECTS))]}",
        "deal_currency_code": currency,
        "hs_exchange_rate": str(EXCHANGE_RATES.get(currency, Decimal(1))) if currency and foreign else None,
        "dealtype": ("newbusiness" if r() < 0.7 else "existingbusiness") if r() > 0.25 else None,
        "hs_analytics_source": source,
        "hs_analytics_latest_source": source,
        "num_associated_contacts": str(len(contacts)),
        "num_notes": str(int(9 * r())),
        "hs_object_source": "CRM_UI",
        "hs_object_source_label": "CRM_UI",
        "external_system_id": erp_number(frame.record_id) if r() > 0.6 else None,
        "products_quoted": _PRODUCTS[int(r() * len(_PRODUCTS))] if r() > 0.4 else None,
    }


def _stage(stages: tuple[Stage, ...], chance: float, *, age_ms: int) -> Stage:
    """Choose a stage: most old deals are closed, a few lie open for years."""
    open_stages = [stage for stage in stages if not stage.closed]
    won, lost = stages[-2:]
    open_share = 0.75 if age_ms < 90 * DAY_MS else 0.12
    if chance < open_share:
        return open_stages[int(chance / open_share * len(open_stages))]
    return won if (chance - open_share) / (1 - open_share) < 0.44 else lost


def _course(world: World, rng: random.Random, index: int, created_ms: int, stage: Stage) -> tuple[Values, int]:
    """Return the properties that depend on how far a deal got, and when it was last modified."""
    r = rng.random
    now = world.now_ms
    course_ms = min(int((5 + 170 * r() * r()) * DAY_MS), max(0, now - created_ms))
    closed_ms = created_ms + course_ms
    amount = _amount(rng, stage)
    values: Values = {"amount": amount}
    if stage.probability is not None:
        own = stage.probability if r() > 0.06 or stage.closed else 0.15
        values["hs_deal_stage_probability"] = probability_text(own)
    if stage.closed:
        modified_ms = closed_ms if r() < 0.7 else closed_ms + int((now - closed_ms) * r())
        # A month-end close is often typed in as a bare day, which is midnight UTC.
        values["closedate"] = iso(closed_ms - closed_ms % DAY_MS if index % 11 == 0 else closed_ms)
    else:
        modified_ms = now - int((now - created_ms) * r() ** 3)
        overdue = r() < 0.3
        values["closedate"] = iso(now - int(120 * DAY_MS * r()) if overdue else now + int(100 * DAY_MS * r()))
        values["hs_manual_forecast_category"] = _FORECASTS[int(r() * 4)] if r() > 0.4 else None
        if r() < 0.07:
            values["closedate"] = None
    if stage.won:
        values["closed_won_reason"] = WON_REASONS[int(r() * len(WON_REASONS))] if r() < 0.4 else None
        values["contract_start"] = iso_date(closed_ms + 14 * DAY_MS) if r() < 0.5 else None
    elif stage.closed:
        values["closed_lost_reason"] = LOST_REASONS[int(r() * len(LOST_REASONS))] if r() < 0.64 else None
        values["competitor"] = COMPETITORS[int(r() * len(COMPETITORS))] if r() < 0.3 else None
    values |= _stage_dates(stage, created_ms, closed_ms if stage.closed else modified_ms)
    return values, min(now, max(modified_ms, created_ms))


def _stage_dates(stage: Stage, created_ms: int, entered_ms: int) -> dict[str, str]:
    passed = _properties_of_passed(stage)
    step_ms = max(0, entered_ms - created_ms) // (len(passed) + 1)
    dates = {name: iso(created_ms + step_ms * n) for n, name in enumerate(passed)}
    entered = iso(entered_ms)
    dates[f"hs_v2_date_entered_{stage.id}"] = entered
    dates["hs_v2_date_entered_current_stage"] = entered
    dates["hs_v2_time_in_current_stage"] = entered
    return dates


@cache
def _properties_of_passed(stage: Stage) -> tuple[str, ...]:
    """Return the date properties of the open stages that a deal went through on its way to a stage."""
    stages = next(p.stages for p in (SALES_PIPELINE, PARTNER_PIPELINE) if stage in p.stages)
    passed = [s for s in stages if not s.closed]
    if not stage.closed:
        passed = passed[: passed.index(stage)]
    return tuple(f"hs_v2_date_entered_{s.id}" for s in passed)


def _amount(rng: random.Random, stage: Stage) -> str | None:
    r = rng.random
    missing = 0.07 if stage.won else 0.2
    if r() < missing:
        return None
    if r() < 0.02:
        return "0"
    size = 900 * (1 + 60 * r() ** 4) * (1 + 2 * r())
    shape = r()
    if shape < 0.6:
        return str(int(size / 50) * 50)
    return f"{size:.2f}" if shape < 0.9 else str(int(size))


def _contact_links(
    world: World, chosen: list[int], decision_maker: AssociationType, *, labelled: bool
) -> list[tuple[int, int]]:
    links = [(world.record_id(CONTACTS, contact), DEAL_TO_CONTACT.type_id) for contact in chosen]
    if labelled and links:
        links.append((links[0][0], decision_maker.type_id))
    return links


def _company_links(world: World, company: int | None, chance: float) -> list[tuple[int, int]]:
    if company is None or chance < 0.04:
        return []
    record_id = world.record_id(COMPANIES, company)
    links = [(record_id, DEAL_TO_COMPANY.type_id)]
    if chance > 0.14:
        links.append((record_id, DEAL_TO_PRIMARY_COMPANY.type_id))
    if chance > 0.97 and company > 0:
        links.append((world.record_id(COMPANIES, company - 1), DEAL_TO_COMPANY.type_id))
    return links
