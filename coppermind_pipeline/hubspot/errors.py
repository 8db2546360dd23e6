"""What can go wrong with HubSpot, sorted by what the caller does next.

CoppermindError
├── NeedsPerson
│   ├── TokenRejected              401, although the access token was just refreshed
│   ├── ScopeMissing               403: `scopes` names what the grant lacks
│   └── GrantRejected              the token endpoint refuses: `reason` is HubSpot's code
│       └── AuthorizationRevoked   the refresh token is dead: authorize again
├── HealsByItself                  retried for a bounded time before it is raised; `retry_at` where known
│   ├── RateLimited                429: `policy`
│   └── PortalUnavailable          5xx, 423, 477, timeouts, resets, truncated or unreadable answers
└── Degraded
    └── RequestRefused             the call itself is wrong, and stays wrong: validation, not found, too long
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from coppermind_pipeline.errors import CoppermindError, Degraded, HealsByItself, NeedsPerson
from coppermind_pipeline.wording import single_spaced

WORDS_CHARACTERS_MAX = 500

# The request's body is too large; or a gateway, HubSpot's or Cloudflare's, did not wait for the answer.
_TOO_MUCH = frozenset({413, 504, 524})


def printable(words: str) -> str:
    """Return HubSpot's words on one line, cut short, without what steers a terminal or what no database takes.

    Whatever HubSpot says goes through here on its way into a message, and so into status, logs and the store.
    """
    # Cut before too: a body may be all one text. What is left out between is space and what nobody sees.
    shown = "".join(c if c.isprintable() else " " for c in words[: 20 * WORDS_CHARACTERS_MAX])
    return single_spaced(shown)[:WORDS_CHARACTERS_MAX]


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One entry of the `errors` that HubSpot lists in an error body, or beside the results of a batch.

    Attributes:
        category: `OBJECT_NOT_FOUND`, `VALIDATION_ERROR`, …; empty where HubSpot gives none.
        code: the finer kind: `code`, `subCategory` or `error`, whichever is there.
        context: what the entry is about, such as `ids` or `propertyName`.
    """

    message: str = ""
    category: str = ""
    code: str = ""
    context: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The record ids that the entry names."""
        return tuple(i for key in ("ids", "id", "fromObjectId") for i in self.context.get(key, ()))


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What HubSpot said with an error status; the fields are empty where it said nothing readable."""

    status: int
    message: str = ""
    category: str = ""
    correlation_id: str = ""
    policy: str = ""
    oauth_code: str = ""
    errors: tuple[ErrorItem, ...] = ()
    context: dict[str, tuple[str, ...]] = field(default_factory=dict)


_FRESH_LINK = "Ask for a fresh link with `connectors action=connect source_type=hubspot`"


class HubSpotError(CoppermindError):
    """HubSpot did not do what was asked.

    Attributes:
        is_too_much: it may do it where less is asked for at once: the answer took too long, or was too large.
    """

    def __init__(
        self, message: str | None = None, *, body: ErrorBody | None = None, is_too_much: bool = False, **options: Any
    ) -> None:
        super().__init__(message, **options)
        self.body = body
        self.is_too_much = is_too_much or self.status in _TOO_MUCH

    @property
    def status(self) -> int | None:
        """The HTTP status, or None where no answer came."""
        return self.body.status if self.body else None


class TokenRejected(HubSpotError, NeedsPerson):
    """HubSpot no longer accepts the stored authorization."""

    code = "token_rejected"
    hint = f"{_FRESH_LINK}; someone who may install apps in HubSpot has to approve it."


class ScopeMissing(HubSpotError, NeedsPerson):
    """The authorization lacks a permission that the call needs."""

    code = "scope_missing"
    hint = f"{_FRESH_LINK}; the approving HubSpot user must be able to grant all scopes of the app."

    def __init__(self, message: str | None = None, *, scopes: Iterable[str] = (), **options: Any) -> None:
        super().__init__(message, **options)
        self.scopes = tuple(scopes)


class GrantRejected(HubSpotError, NeedsPerson):
    """HubSpot did not issue a token."""

    code = "grant_rejected"

    def __init__(self, message: str | None = None, *, reason: str = "", **options: Any) -> None:
        super().__init__(message, **options)
        self.reason = reason


class AuthorizationRevoked(GrantRejected):
    """The authorization was revoked in HubSpot, or the app was uninstalled."""

    code = "authorization_revoked"
    hint = f"{_FRESH_LINK}; someone who may install apps in HubSpot has to approve it."


class _Passing(HubSpotError, HealsByItself):
    """HubSpot did not answer for now."""

    # Set where the error comes out of a bounded series of attempts, so that no outer series repeats the whole of it.
    retries_spent: bool = False


class RateLimited(_Passing):
    """HubSpot's rate limit is reached."""

    code = "rate_limited"

    def __init__(
        self, message: str | None = None, *, policy: str = "", retry_at: datetime | None = None, **options: Any
    ) -> None:
        super().__init__(message, retry_at=retry_at, **options)
        self.policy = policy


class PortalUnavailable(_Passing):
    """HubSpot can't be reached, or answers with an error of its own."""

    code = "portal_unavailable"


class RequestRefused(HubSpotError, Degraded):
    """HubSpot refuses the request as such."""

    code = "request_refused"

    def __init__(self, message: str | None = None, *, refused_properties: Iterable[str] = (), **options: Any) -> None:
        super().__init__(message, **options)
        self.refused_properties = frozenset(refused_properties)

    @property
    def errors(self) -> tuple[ErrorItem, ...]:
        """The single faults that HubSpot lists."""
        return self.body.errors if self.body else ()
