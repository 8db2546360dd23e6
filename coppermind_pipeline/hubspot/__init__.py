"""HubSpot's API: one client per portal, OAuth, and errors sorted by what the caller does next."""

from coppermind_pipeline.hubspot.budgets import DEFAULT_RATES, JITTER_MS, PAUSE_WAITED_MAX_S, Budget, Budgets, paced
from coppermind_pipeline.hubspot.calls import AccessTokens, SentRequest
from coppermind_pipeline.hubspot.client import HubSpotClient
from coppermind_pipeline.hubspot.errors import (
    AuthorizationRevoked,
    GrantRejected,
    HubSpotError,
    PortalUnavailable,
    RateLimited,
    RequestRefused,
    ScopeMissing,
    TokenRejected,
    printable,
)
from coppermind_pipeline.hubspot.http.deadlines import at_most_s, within
from coppermind_pipeline.hubspot.http.retries import RetryLimits
from coppermind_pipeline.hubspot.http.transport import Answer, Transport
from coppermind_pipeline.hubspot.oauth.tokens import (
    REFRESH_TOKEN,
    SCOPES,
    Grant,
    OAuthApp,
    authorize_url,
    exchange_code,
    introspect,
    refresh,
    revoke,
    uninstall,
)
from coppermind_pipeline.hubspot.resources.associations import Associations, AssociationType, Link
from coppermind_pipeline.hubspot.resources.definitions import Pipeline, PropertyDefinition, PropertyOption, Stage
from coppermind_pipeline.hubspot.resources.portal import AccountDetails, Owner
from coppermind_pipeline.hubspot.resources.records import (
    BATCH_READ_IDS_MAX,
    LIST_PAGE_RECORDS_MAX,
    MODIFIED_PROPERTY,
    NOT_FOUND,
    SEARCH_PAGE_RECORDS_MAX,
    BatchRead,
    Filter,
    ListPage,
    Operator,
    Record,
    SearchPage,
)

__all__ = [
    "BATCH_READ_IDS_MAX",
    "DEFAULT_RATES",
    "JITTER_MS",
    "LIST_PAGE_RECORDS_MAX",
    "MODIFIED_PROPERTY",
    "NOT_FOUND",
    "PAUSE_WAITED_MAX_S",
    "REFRESH_TOKEN",
    "SCOPES",
    "SEARCH_PAGE_RECORDS_MAX",
    "AccessTokens",
    "AccountDetails",
    "Answer",
    "AssociationType",
    "Associations",
    "AuthorizationRevoked",
    "BatchRead",
    "Budget",
    "Budgets",
    "Filter",
    "Grant",
    "GrantRejected",
    "HubSpotClient",
    "HubSpotError",
    "Link",
    "ListPage",
    "OAuthApp",
    "Operator",
    "Owner",
    "Pipeline",
    "PortalUnavailable",
    "PropertyDefinition",
    "PropertyOption",
    "RateLimited",
    "Record",
    "RequestRefused",
    "RetryLimits",
    "ScopeMissing",
    "SearchPage",
    "SentRequest",
    "Stage",
    "TokenRejected",
    "Transport",
    "at_most_s",
    "authorize_url",
    "exchange_code",
    "introspect",
    "paced",
    "printable",
    "refresh",
    "revoke",
    "uninstall",
    "within",
]
