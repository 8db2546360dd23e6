"""Fill an empty portal with generated records."""

from collections.abc import Iterable, Iterator
from itertools import islice

from coppermind_pipeline.sandbox.generated.companies import generated_companies
from coppermind_pipeline.sandbox.generated.contacts import generated_contacts, is_associated
from coppermind_pipeline.sandbox.generated.deals import EXCHANGE_RATES, generated_deals
from coppermind_pipeline.sandbox.generated.owners import generated_owners
from coppermind_pipeline.sandbox.generated.world import World
from coppermind_pipeline.sandbox.portal.association_store import (
    CONTACT_TO_COMPANY,
    CONTACT_TO_PRIMARY_COMPANY,
    AssociationType,
)
from coppermind_pipeline.sandbox.portal.catalogue import starting_definitions
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS, DEALS, OBJECT_KINDS
from coppermind_pipeline.sandbox.portal.pipelines import PARTNER_PIPELINE, SALES_PIPELINE, lifecycle_pipeline
from coppermind_pipeline.sandbox.portal.portal import Portal

DEALS_PER_BATCH = 5_000
DECISION_MAKER = AssociationType(DEALS, CONTACTS, 37, 38, "Decision maker", "Decides on", "USER_DEFINED")


def fill(portal: Portal, world: World, *, definitions_per_type: int) -> None:
    """Give a portal settings, owners and records; the same world gives the same portal."""
    portal.rates = EXCHANGE_RATES
    portal.pipelines.put(DEALS, [SALES_PIPELINE, PARTNER_PIPELINE])
    for kind in (CONTACTS, COMPANIES):
        portal.pipelines.put(kind, [lifecycle_pipeline(kind)])
    for kind in OBJECT_KINDS:
        portal.definitions[kind] = starting_definitions(kind, portal.pipelines, count=definitions_per_type)
    owners = generated_owners(world.own_domain)
    portal.put_owners(owners)
    owner_ids = [owner.id for owner in owners]
    portal.associations.types.append(DECISION_MAKER)
    portal.records.insert_many(COMPANIES, generated_companies(world, owner_ids))
    portal.records.insert_many(CONTACTS, generated_contacts(world, owner_ids))
    portal.associations.insert_many(CONTACTS, COMPANIES, _employments(world))
    _fill_deals(portal, world, owner_ids)
    portal.records.index_all()
    portal.associations.index_all()


def _employments(world: World) -> Iterator[tuple[int, int, int]]:
    """Yield the links of contacts with their companies; one in twelve is not the primary one."""
    if not world.companies:
        return
    for index in range(world.contacts):
        if is_associated(index):
            ends = (
                world.record_id(CONTACTS, index),
                world.record_id(COMPANIES, world.company_of_contact(index)),
            )
            yield (*ends, CONTACT_TO_COMPANY.type_id)
            if index % 12:
                yield (*ends, CONTACT_TO_PRIMARY_COMPANY.type_id)


def _fill_deals(portal: Portal, world: World, owner_ids: list[str]) -> None:
    deals = generated_deals(world, owner_ids, portal.pipelines, DECISION_MAKER)
    while batch := list(islice(deals, DEALS_PER_BATCH)):
        portal.records.insert_many(DEALS, (deal.record for deal in batch))
        portal.associations.insert_many(DEALS, CONTACTS, _owned((deal.record.id, deal.contacts) for deal in batch))
        portal.associations.insert_many(DEALS, COMPANIES, _owned((deal.record.id, deal.companies) for deal in batch))


def _owned(links: Iterable[tuple[int, list[tuple[int, int]]]]) -> Iterator[tuple[int, int, int]]:
    return ((owner_id, other_id, type_id) for owner_id, others in links for other_id, type_id in others)
