"""Access tokens: shown once, stored as a digest, worth nothing once revoked."""

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import (
    CustomerNotFound,
    TokenNotFound,
    create_customer,
    create_token,
    list_tokens,
    local_caller,
    revoke_token,
    token_caller,
)
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.store import Database


def test_a_token_acts_in_its_customers_name_until_it_is_revoked(database: Database):
    create_customer(database, "Agency")
    made = create_token(database, customer="Agency", name="Claude  Code")
    caller = token_caller(database, made.token)
    assert caller is not None
    assert caller.customer_id == local_caller(database, "Agency").customer_id
    assert caller.token_id is not None
    revoked = revoke_token(database, made.listed.prefix)
    assert (revoked.name, revoked.customer) == ("Claude Code", "Agency")
    assert revoked.revoked_at is not None
    assert token_caller(database, made.token) is None
    assert revoke_token(database, made.token.get_secret_value()) == revoked, "again, by the whole token"


def test_the_list_tells_tokens_apart_without_giving_them_away(database: Database):
    first, second = create_token(database, name="first"), create_token(database, name="second")
    listed = list_tokens(database)
    assert [(token.name, token.customer, token.last_used_at) for token in listed] == [
        ("second", "local", None),
        ("first", "local", None),
    ]
    for made in (first, second):
        assert made.token.get_secret_value().startswith(made.listed.prefix)
        assert len(made.token.get_secret_value()) > len(made.listed.prefix) + 30
    assert first.listed.prefix != second.listed.prefix


def test_the_database_holds_no_token(database: Database):
    secret = create_token(database).token.get_secret_value()
    with database.owner() as connection:
        (row,) = connection.execute(text("SELECT CAST(t AS text), token_hash FROM access_tokens t"))
    assert secret not in row[0]
    assert secret[20:] not in row[0]
    assert secret.encode() not in bytes(row[1])


def test_a_use_is_noted_to_the_minute(database: Database):
    made = create_token(database)
    token_caller(database, made.token)
    (used,) = list_tokens(database)
    assert used.last_used_at is not None
    token_caller(database, made.token)
    assert list_tokens(database) == [used]
    with database.owner() as connection:
        connection.execute(text("UPDATE access_tokens SET last_used_at = last_used_at - interval '2 minutes'"))
    token_caller(database, made.token)
    (used_later,) = list_tokens(database)
    assert used_later.last_used_at is not None
    assert used_later.last_used_at > used.last_used_at


def test_what_is_no_token_is_nobody(database: Database):
    made = create_token(database)
    for words in ("", "coppermind_", made.listed.prefix, made.token.get_secret_value() + "x"):
        assert token_caller(database, SecretStr(words)) is None


def test_a_wrong_call_says_what_to_do(database: Database):
    with pytest.raises(CustomerNotFound, match="there are: local"):
        create_token(database, customer="Nobody")
    with pytest.raises(UsageError, match="can't be empty"):
        create_token(database, name="  ")
    with pytest.raises(TokenNotFound, match="coppermind_12345678") as refused:
        revoke_token(database, "coppermind_12345678")
    assert "tokens list" in refused.value.hint
    assert list_tokens(database) == []
