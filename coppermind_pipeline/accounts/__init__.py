"""Who works with the product, and on which client: customers, minds, the active mind."""

from coppermind_pipeline.accounts.customers import (
    LOCAL_CUSTOMER,
    Caller,
    Customer,
    create_customer,
    list_customers,
    local_caller,
)
from coppermind_pipeline.accounts.errors import (
    CustomerExists,
    CustomerNotFound,
    InvalidMind,
    MindExists,
    MindNotFound,
    NoActiveMind,
)
from coppermind_pipeline.accounts.minds import (
    Mind,
    MindKind,
    create_mind,
    list_minds,
    resolve_mind,
    switch_mind,
    update_mind,
)

__all__ = [
    "LOCAL_CUSTOMER",
    "Caller",
    "Customer",
    "CustomerExists",
    "CustomerNotFound",
    "InvalidMind",
    "Mind",
    "MindExists",
    "MindKind",
    "MindNotFound",
    "NoActiveMind",
    "create_customer",
    "create_mind",
    "list_customers",
    "list_minds",
    "local_caller",
    "resolve_mind",
    "switch_mind",
    "update_mind",
]
