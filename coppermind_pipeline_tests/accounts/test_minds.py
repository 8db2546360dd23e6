"""Minds are found by any of their names, and never those of another customer."""

import pytest

from coppermind_pipeline.accounts import (
    LOCAL_CUSTOMER,
    Caller,
    CustomerExists,
    CustomerNotFound,
    InvalidMind,
    MindExists,
    MindKind,
    MindNotFound,
    NoActiveMind,
    create_customer,
    create_mind,
    create_token,
    list_customers,
    list_minds,
    local_caller,
    resolve_mind,
    switch_mind,
    token_caller,
    update_mind,
)
from coppermind_pipeline.store import Database


@pytest.fixture
def caller(database: Database) -> Caller:
    return local_caller(database)


def _token(database: Database, customer: str = LOCAL_CUSTOMER) -> Caller:
    caller = token_caller(database, create_token(database, customer=customer).token)
    assert caller is not None
    return caller


def test_the_local_customer_exists_from_the_start(database: Database, caller: Caller):
    assert [(c.name, c.id) for c in list_customers(database)] == [("local", caller.customer_id)]
    assert caller.token_id is None


def test_a_customer_is_created_once_and_found_by_name(database: Database):
    created = create_customer(database, " Agency ")
    assert local_caller(database, "Agency") == Caller(created.id)
    with pytest.raises(CustomerExists):
        create_customer(database, "Agency")
    with pytest.raises(CustomerNotFound, match=r"'Agenzy'; there are: Agency, local"):
        local_caller(database, "Agenzy")


def test_a_mind_is_found_by_name_slug_and_id(database: Database, caller: Caller):
    mind = create_mind(database, caller, "Crème  Brûlée GmbH", kind="prospect", domains=["@Brulee.DE"])
    assert (mind.name, mind.slug, mind.kind) == ("Crème Brûlée GmbH", "creme-brulee-gmbh", MindKind.PROSPECT)
    assert mind.company_info == {"domain": "brulee.de"}
    for name in ("crème brûlée gmbh", "creme-brulee-gmbh", str(mind.id)):
        assert resolve_mind(database, caller, name) == mind


def test_minds_whose_names_look_alike_have_different_slugs(database: Database, caller: Caller):
    slugs = [create_mind(database, caller, name).slug for name in ("Acme!", "Acme?", "株式会社", "有限会社")]
    assert slugs == ["acme", "acme-2", "mind", "mind-2"]
    with pytest.raises(MindExists):
        create_mind(database, caller, "ACME!")


def test_the_first_mind_is_active_until_the_caller_switches(database: Database, caller: Caller):
    first, second = create_mind(database, caller, "Acme"), create_mind(database, caller, "Globex")
    assert (first.active, second.active) == (True, False)
    assert resolve_mind(database, caller).name == "Acme"
    assert switch_mind(database, caller, "globex").active
    assert resolve_mind(database, caller).name == "Globex"
    assert [(mind.name, mind.active) for mind in list_minds(database, caller)] == [("Acme", False), ("Globex", True)]


def test_each_token_has_an_active_mind_of_its_own(database: Database, caller: Caller):
    create_mind(database, caller, "Acme")
    token, other = _token(database), _token_of_another_customer(database)
    assert resolve_mind(database, token).name == "Acme", "the only mind needs no switch"
    create_mind(database, caller, "Globex")
    with pytest.raises(NoActiveMind, match="there are: Acme, Globex"):
        resolve_mind(database, token)
    switch_mind(database, token, "Globex")
    assert resolve_mind(database, token).name == "Globex"
    assert resolve_mind(database, caller).name == "Acme"
    assert list_minds(database, other) == []


def _token_of_another_customer(database: Database) -> Caller:
    return _token(database, create_customer(database, "Agency").name)


def test_errors_say_what_exists_and_what_to_do(database: Database, caller: Caller):
    with pytest.raises(NoActiveMind) as error:
        resolve_mind(database, caller)
    assert error.value.as_response() == {
        "error": {
            "code": "no_active_mind",
            "message": "No mind is active; there are none yet.",
            "hint": "Create one with `minds action=create name=NAME`.",
        }
    }
    mind = create_mind(database, caller, "Acme")
    with pytest.raises(MindNotFound, match="no mind 'Acne'; there are: Acme"):
        resolve_mind(database, caller, "Acne")
    with pytest.raises(MindNotFound):
        resolve_mind(database, _token_of_another_customer(database), str(mind.id))


def test_an_update_changes_what_is_given_and_nothing_else(database: Database, caller: Caller):
    create_mind(database, caller, "Acme", domains=["acme.com"])
    create_mind(database, caller, "Globex")
    renamed = update_mind(database, caller, "acme", new_name="Acme Rockets")
    assert (renamed.name, renamed.slug, renamed.kind, renamed.domains) == (
        "Acme Rockets",
        "acme",
        "client",
        ("acme.com",),
    )
    assert update_mind(database, caller, "acme", kind="Internal").kind == "internal"
    both = update_mind(database, caller, "acme", domains=["acme.com", "acme.de", "ACME.com"])
    assert both.company_info == {"domains": ["acme.com", "acme.de"]}
    assert update_mind(database, caller, "acme", domains=[]).company_info == {}
    with pytest.raises(MindExists):
        update_mind(database, caller, "acme", new_name="globex")


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a" * 121}, "120"),
        ({"kind": "friend"}, "'friend' is no kind of mind; the kinds are client, prospect, internal"),
        ({"domains": ["nobody@acme.com"]}, "is not a domain"),
        ({"domains": ["acme"]}, "is not a domain"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_created(
    database: Database, caller: Caller, description: dict, message: str
):
    with pytest.raises(InvalidMind, match=message):
        create_mind(database, caller, **({"name": "Acme"} | description))
    assert list_minds(database, caller) == []
