"""Deals are taken up beside a pull once all that they are linked to is stored, in whatever order it comes."""

import random
from uuid import UUID

import pytest

from coppermind_pipeline.connectors import Connector, load_connector
from coppermind_pipeline.hubspot import Associations, AssociationType, Link
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.normalizing.associations import (
    answered_until,
    changed_until,
    link_so_far,
    settled_deals,
)
from coppermind_pipeline.sync.raw.associations import ASSOCIATED_TYPES, store_associations
from coppermind_pipeline_tests.memories.steps import change
from coppermind_pipeline_tests.stored_portal import StoredPortal

_DEALS, _CONTACTS, _COMPANIES = 10, 12, 3
_TYPE = AssociationType(category="HUBSPOT_DEFINED", type_id=3, label=None)


@pytest.mark.parametrize("seed", range(3))
def test_deals_settle_once_their_last_record_is_stored(database: Database, local_customer: UUID, seed: int):
    portal, chance = StoredPortal.create(database, local_customer), random.Random(seed)
    connector = load_connector(database, portal.connector_id)
    records = [("contacts", f"1{n}") for n in range(_CONTACTS)] + [("companies", f"2{n}") for n in range(_COMPANIES)]
    linked = {str(n): set(chance.sample(records, chance.choice([0, 1, 2, 3]))) for n in range(1, _DEALS + 1)}
    coming = [*records, *(("deals", deal) for deal in linked)]
    chance.shuffle(coming)
    answered, stored = set[str](), set[tuple[str, str]]()
    reached = (0, 0)
    while len(answered) < _DEALS or coming:
        touched = set[tuple[str, str]]()
        for _ in range(min(len(coming), chance.randrange(12))):
            of_type, hubspot_id = coming.pop()
            getattr(portal, {"contacts": "contact", "companies": "company", "deals": "deal"}[of_type])(hubspot_id)
            touched.add((of_type, hubspot_id))
        if stored and chance.random() < 0.5:
            again = chance.choice(sorted(stored))
            change(portal, *again, "name = 'Renamed'")
            touched.add(again)
        stored |= touched
        news = {deal for of_type, deal in stored if of_type == "deals" and chance.random() < 0.4} - answered
        _answer(connector, database, {deal: linked[deal] for deal in news})
        answered |= news
        concerned = news | {deal for deal in answered if linked[deal] & touched}

        reached, settled = _settled(database, connector, since=reached)
        assert sorted(settled) == sorted(deal for deal in concerned if linked[deal] <= stored)


def _answer(connector: Connector, database: Database, linked: dict[str, set[tuple[str, str]]]) -> None:
    for to_type in ASSOCIATED_TYPES:
        links = {
            deal: tuple(Link(to_id, (_TYPE,)) for of_type, to_id in sorted(records) if of_type == to_type)
            for deal, records in linked.items()
        }
        with database.mind(connector.mind_id) as connection:
            store_associations(connection, connector.scope, {ObjectType(to_type): Associations(links, failed={})})


def _settled(database: Database, connector: Connector, *, since: tuple[int, int]) -> tuple[tuple[int, int], list[str]]:
    """Link what has come; return how far that is, and the deals that settled with it."""
    with database.mind(connector.mind_id) as connection:
        answered = answered_until(connection, connector.id)
    link_so_far(database, connector)
    with database.mind(connector.mind_id) as connection:
        changed = changed_until(connection, connector.id)
    batches = settled_deals(database, connector, answered=(since[0], answered), changed=(since[1], changed))
    return (answered, changed), [deal for batch in batches for deal in batch]
