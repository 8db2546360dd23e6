"""Customers: the accounts that own minds."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from coppermind_pipeline.accounts.errors import CustomerExists, CustomerNotFound
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.store import Database

LOCAL_CUSTOMER = "local"


@dataclass(frozen=True, slots=True)
class Customer:
    """An account, such as a fractional CMO, that owns minds."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf something is done.

    Attributes:
        customer_id: whose minds can be seen at all.
        token_id: the access token that the call came with; None for the local user. Each has an active mind of its own.
    """

    customer_id: UUID
    token_id: UUID | None = None


def create_customer(database: Database, name: str) -> Customer:
    """Create a customer.

    Raises:
        CustomerExists: the name is taken.
        UsageError: the name is empty.
    """
    name = name.strip()
    if not name:
        raise UsageError("A customer needs a name.")
    with database.owner() as connection:
        customer_id = connection.scalar(
            text("INSERT INTO customers (name) VALUES (:name) ON CONFLICT (name) DO NOTHING RETURNING id"),
            {"name": name},
        )
    if customer_id is None:
        raise CustomerExists(f"A customer named {name!r} exists already.")
    return Customer(customer_id, name)


def list_customers(database: Database) -> list[Customer]:
    """Return all customers by name: an operator's view."""
    with database.owner() as connection:
        return [Customer(*row) for row in connection.execute(text("SELECT id, name FROM customers ORDER BY name"))]


def local_caller(database: Database, customer: str = LOCAL_CUSTOMER) -> Caller:
    """Return the caller that whoever sits at this machine is, for the customer of that name.

    Raises:
        CustomerNotFound: there is none; the message lists those that exist.
    """
    customers = list_customers(database)
    for each in customers:
        if each.name == customer:
            return Caller(each.id)
    raise CustomerNotFound(
        f"There is no customer {customer!r}; there are: {', '.join(each.name for each in customers)}.",
        hint="Create one with `customers create NAME`.",
    )
