"""Who works with the product, and on which client: customers, access tokens, sessions, minds, the active mind."""

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
from coppermind_pipeline.accounts.sessions import (
    SESSION_LIFETIME,
    Session,
    begin_session,
    end_all_sessions,
    end_session,
    find_session,
    make_sign_in_token,
    sign_in_token_works,
)
from coppermind_pipeline.accounts.tool import MindList, MindsAction, minds_tool

__all__ = [
    "LOCAL_CUSTOMER",
    "SESSION_LIFETIME",
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
    "Session",
    "TokenNotFound",
    "begin_session",
    "create_customer",
    "create_mind",
    "create_token",
    "end_all_sessions",
    "end_session",
    "find_session",
    "list_customers",
    "list_minds",
    "list_tokens",
    "local_caller",
    "make_sign_in_token",
    "minds_tool",
    "resolve_mind",
    "revoke_token",
    "sign_in_token_works",
    "switch_mind",
    "token_caller",
    "update_mind",
]
