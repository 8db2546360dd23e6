"""What a sandbox is started with, and the switches that turn its behaviour while it runs."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

FIRST_HUB_ID = 47_100_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Where HubSpot's behaviour is unconfirmed, differs by portal, or is odd: each may be turned while it runs."""

    #: An empty property is answered as null; off: it is left out.
    unset_as_null: bool = True
    #: Records carry `url`.
    record_url: bool = True
    #: A record's own times, beside its properties, are epoch milliseconds as numbers; off: ISO 8601.
    record_times_as_ms: bool = False
    #: A 429 names the seconds to wait in `Retry-After`.
    retry_after: bool = False
    #: A 429's body has `category: RATE_LIMITS`.
    rate_limit_category: bool = False
    #: Associations answer with the rate-limit headers too; search never does.
    association_limit_headers: bool = False
    #: A refresh answers with a new refresh token, and the old one dies.
    refresh_token_rotates: bool = False
    #: A refusal redirects with `error=access_denied`; off: HubSpot sends nothing at all.
    refusal_redirects: bool = False
    #: The app is installed at the level of a user; introspection says so under this name.
    user_level_field: Literal["", "isUserLevel", "is_user_level"] = ""
    #: Revoking a refresh token also ends the access tokens made from it.
    revoke_ends_access: bool = False
    #: Scopes that the next approval does not grant, although they were asked for.
    withheld_scopes: tuple[str, ...] = ()
    #: A 403 names the scopes in `errors[0].context.requiredScopes`; off: in `context.requiredGranularScopes`.
    missing_scopes_in_errors: bool = False
    #: Associations need the read scopes of both ends; off: of either.
    association_scopes_both: bool = False
    #: `text_sort` sorts `hs_object_id` as text; `text` also compares it as text in filters.
    id_order: Literal["number", "text_sort", "text"] = "number"
    #: Search pages hold half of what was asked, and still carry a cursor.
    short_pages: bool = False
    #: A search without `after` answers an empty page with a cursor.
    empty_pages: bool = False
    #: `total` of a search stops at 10,000, where its pages do.
    total_capped: bool = False
    #: Characters that a search's body may have; 0: only `query` is limited.
    search_body_characters_max: int = 0
    #: Batch read answers in the reverse of the order asked.
    batch_reversed: bool = False
    #: The list endpoint lags behind edits as search does.
    list_lags: bool = False
    #: Filters `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` also find records without a value.
    negation_finds_unset: bool = False
    #: How long search lags behind an edit, and how much that varies (uniformly, added on top).
    index_delay_ms: int = 0
    index_jitter_ms: int = 0
    #: Associated records per input id and page.
    association_page: int = 500
    #: `toObjectId` is a string; off: a number.
    to_object_id_string: bool = False
    #: Old ids of merged records show in the archived list.
    merged_ids_archived: bool = False
    #: A merge keeps the primary's id; off: the survivor has a new one.
    merge_keeps_id: bool = False
    #: The same id twice in a batch read is a 400.
    duplicate_ids_refused: bool = True
    #: Batch read and list refuse these property names with a 400 that lists them.
    refused_properties: tuple[str, ...] = ()
    #: Batch read and list refuse more property names than this with a 400 that lists none; 0: no limit.
    property_names_max: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """What the app's developer set in HubSpot; an install link that does not fit is refused on HubSpot's own page."""

    #: An install link has to name all of them. `oauth` is among those of every app.
    required_scopes: tuple[str, ...] = (
        "oauth",
        "crm.objects.contacts.read",
        "crm.objects.companies.read",
        "crm.objects.deals.read",
        "crm.objects.owners.read",
        "crm.schemas.contacts.read",
        "crm.schemas.companies.read",
        "crm.schemas.deals.read",
    )
    #: May be asked for under `optional_scope`, and there alone.
    optional_scopes: tuple[str, ...] = ()
    #: Exact redirect URIs of the app; empty: any that HubSpot would let an app register.
    redirect_uris: tuple[str, ...] = ()
    #: Accounts that a private app may be installed in; None: all.
    allowed_accounts: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """A sandbox's portals, the app that may connect to them, and how it answers."""

    #: The generated portal: same seed, sizes and `generated_at` give the same records.
    seed: int = 1
    contacts: int = 5_000
    companies: int = 1_200
    deals: int = 2_000
    #: The moment to which records are dated; None: the start of the present UTC day.
    generated_at: datetime | None = None
    #: Property definitions per object type; about 40 of them are set on each record.
    definitions_per_type: int = 250
    #: A directory of CSV files or recorded API answers; the first portal is loaded from it instead of generated.
    load: Path | None = None
    #: How many portals the server holds; hub ids count up from the first unless named.
    portals: int = 1
    hub_ids: tuple[int, ...] = ()
    #: Whether the three rate limits are enforced; they are counted either way.
    limits: bool = True
    #: Added to each API answer.
    latency_ms: float = 0
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105  (a portal of made-up records has nothing to guard)
    app: AppSettings = field(default_factory=AppSettings)
    token_lifetime_s: int = 1_800
    code_lifetime_s: int = 60
    #: The domain of the portal's own people: colleagues and test contacts have addresses there.
    own_domain: str = "harborlight.example"
    time_zone: str = "US/Eastern"
    company_currency: str = "USD"
    additional_currencies: tuple[str, ...] = ("EUR",)
    ui_domain: str = "app.hubspot.com"
    #: Requests that the log keeps; the counts of the limits cover all of them.
    log_requests_max: int = 100_000
    switches: Switches = field(default_factory=Switches)

    def __post_init__(self) -> None:
        sizes = {"contacts": self.contacts, "companies": self.companies, "deals": self.deals}
        negative = [name for name, size in sizes.items() if size < 0]
        if negative:
            raise ValueError(f"{', '.join(negative)} can't be negative")
        if self.portals < 1:
            raise ValueError("a sandbox has at least one portal")
        if self.generated_at is not None and self.generated_at.tzinfo is None:
            raise ValueError("generated_at needs a time zone")

    def all_hub_ids(self) -> tuple[int, ...]:
        """Return one hub id per portal: the named ones, then ids counted up."""
        named = self.hub_ids[: self.portals]
        start = max(named, default=FIRST_HUB_ID - 1) + 1
        return named + tuple(range(start, start + self.portals - len(named)))
