"""Sessions and the links that begin them: told once, stored as digests, worth nothing once they are used or over."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import (
    CustomerNotFound,
    begin_session,
    create_customer,
    end_all_sessions,
    end_session,
    find_session,
    make_sign_in_token,
    sign_in_token_works,
)
from coppermind_pipeline.store import Database


def _begun(database: Database, *, customer: str = "local") -> SecretStr:
    secret = begin_session(database, make_sign_in_token(database, customer=customer))
    assert secret is not None
    return secret


def _outlive(database: Database, table: str) -> None:
    with database.owner() as connection:
        connection.execute(text(f"UPDATE {table} SET expires_at = clock_timestamp()"))


def _rows(database: Database, table: str) -> int:
    with database.owner() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_a_token_begins_one_session_of_its_customer(database: Database):
    customer = create_customer(database, "Agency")
    token = make_sign_in_token(database, customer="Agency")
    assert sign_in_token_works(database, token)
    secret = begin_session(database, token)
    assert secret is not None
    session = find_session(database, secret)
    assert session is not None
    assert (session.customer_id, session.customer) == (customer.id, "Agency")
    assert not sign_in_token_works(database, token)
    assert begin_session(database, token) is None


def test_of_many_that_come_at_once_one_gets_in(database: Database):
    token = make_sign_in_token(database)
    with ThreadPoolExecutor(16) as pool:
        begun = [secret for secret in pool.map(lambda _: begin_session(database, token), range(64)) if secret]
    assert len(begun) == 1
    assert find_session(database, begun[0]) is not None


@pytest.mark.parametrize("words", ["", "x", "\0", "\udce4", "a" * 5_000])
def test_what_was_made_up_lets_nobody_in(database: Database, words: str):
    _begun(database)
    make_sign_in_token(database)
    assert not sign_in_token_works(database, SecretStr(words))
    assert begin_session(database, SecretStr(words)) is None
    assert find_session(database, SecretStr(words)) is None


def test_what_is_over_is_worth_nothing_and_is_forgotten(database: Database):
    secret, token = _begun(database), make_sign_in_token(database)
    for table in ("sign_in_links", "web_sessions"):
        _outlive(database, table)
    assert find_session(database, secret) is None
    assert not sign_in_token_works(database, token)
    assert begin_session(database, token) is None
    _begun(database)
    assert (_rows(database, "sign_in_links"), _rows(database, "web_sessions")) == (0, 1)


def test_a_session_ends_for_whoever_shows_its_secret(database: Database):
    ours, another = _begun(database), _begun(database)
    session = find_session(database, ours)
    assert session is not None
    end_session(database, session)
    assert find_session(database, ours) is None
    assert find_session(database, another) is not None


def test_all_sessions_and_links_of_one_customer_end_at_once(database: Database):
    create_customer(database, "Agency")
    ours, theirs = [_begun(database), _begun(database)], _begun(database, customer="Agency")
    token = make_sign_in_token(database)
    assert end_all_sessions(database) == 2
    assert [find_session(database, secret) for secret in ours] == [None, None]
    assert begin_session(database, token) is None
    assert find_session(database, theirs) is not None
    with pytest.raises(CustomerNotFound, match="there are: Agency, local"):
        end_all_sessions(database, customer="Nobody")


def test_the_database_holds_neither_token_nor_secret(database: Database):
    told = [_begun(database), make_sign_in_token(database)]
    with database.owner() as connection:
        rows = connection.execute(
            text("SELECT secret_hash FROM web_sessions UNION ALL SELECT token_hash FROM sign_in_links")
        )
        stored = [bytes(row[0]) for row in rows]
    assert len(stored) == 2
    assert not any(secret.get_secret_value().encode() in each for secret in told for each in stored)
