"""Who works with the product, and on which client: customers, access tokens, minds, the active mind."""

from coppermind_pipeline.accounts.access_tokens import (
    AccessToken,
    create_token,
    list_tokens,
    revoke_token,
    token_caller,
)
from coppermind_pipeline.accounts.customers import (
    LOCAL_CUSTOMER,
    Caller,
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
    TokenNotFound,
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
from coppermind_pipeline.accounts.tool import MindList, MindsAction, minds_tool

__all__ = [
    "LOCAL_CUSTOMER",
    "AccessToken",
    "Caller",
    "CustomerExists",
    "CustomerNotFound",
    "InvalidMind",
    "Mind",
    "MindExists",
    "MindKind",
    "MindList",
    "MindNotFound",
    "MindsAction",
    "NoActiveMind",
    "TokenNotFound",
    "create_customer",
    "create_mind",
    "create_token",
    "list_customers",
    "list_minds",
    "list_tokens",
    "local_caller",
    "minds_tool",
    "resolve_mind",
    "revoke_token",
    "switch_mind",
    "token_caller",
    "update_mind",
]
