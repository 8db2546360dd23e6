"""HubSpot's OAuth: the page where a person approves, and the token endpoint.

Source: HubSpot, "Working with OAuth" and the OpenAPI description of the dated token endpoints. All of them take forms.
These calls are charged to no budget: without a token there is no portal yet, and HubSpot counts them apart.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import SecretStr

from coppermind_pipeline.hubspot import paths
from coppermind_pipeline.hubspot.errors import (
    AuthorizationRevoked,
    ErrorBody,
    GrantRejected,
    PortalUnavailable,
    printable,
)
from coppermind_pipeline.hubspot.http.answers import error_body, error_for
from coppermind_pipeline.hubspot.http.retries import RetryLimits, retried
from coppermind_pipeline.hubspot.http.transport import Answer, Transport
from coppermind_pipeline.hubspot.oauth.token_answers import (
    Grant,
    Introspection,
    Unreadable,
    read_grant,
    read_introspection,
)

SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
)

# HubSpot's basic scope: every app requires it, and the page refuses a link that lacks one of those. It opens no record.
BASIC_SCOPE = "oauth"

# An authorization code lives for under a minute, and a person waits in front of the page.
RETRY_LIMITS = RetryLimits(attempts=4, time_s=20.0)
REQUEST_TIMEOUT_S = 10.0

ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a field
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a field

BAD_AUTH_CODE = "BAD_AUTH_CODE"
BAD_REFRESH_TOKEN = "BAD_REFRESH_TOKEN"  # noqa: S105 - HubSpot's name of an error

BAD_HUB = "BAD_HUB"
# Not HubSpot's: a code that was exchanged for an answer that nobody can use.
MALFORMED_ANSWER = "MALFORMED_ANSWER"

_REFUSED_STATUSES = frozenset({400, 401, 403})

# What HubSpot's codes mean for the person who reads the diagnostics, and what that person can do.
_REASONS: Mapping[str, tuple[str, str]] = {
    BAD_AUTH_CODE: (
        "HubSpot does not know the approval code: it was used before, or is older than about a minute",
        "Open a fresh authorization link and approve again.",
    ),
    BAD_REFRESH_TOKEN: (
        "HubSpot does not know the stored authorization any more: the app was uninstalled or its access revoked",
        AuthorizationRevoked.hint,
    ),
    "BAD_REDIRECT_URI": (
        "The redirect URI is not the one that the approval was given for",
        "Register the redirect URI of this installation, to the letter, on the HubSpot app's Auth page.",
    ),
    BAD_HUB: (
        "HubSpot does not know the account any more: it is missing or was deleted",
        "Connect the account that holds the records now; disconnect this connector if it is gone for good.",
    ),
    "BAD_CLIENT_ID": (
        "HubSpot does not know the client id, or the authorization belongs to another app",
        "Compare COPPERMIND_HUBSPOT_CLIENT_ID with the HubSpot app's Auth page.",
    ),
    "BAD_CLIENT_SECRET": (
        "HubSpot does not accept the client secret",
        "Compare COPPERMIND_HUBSPOT_CLIENT_SECRET with the HubSpot app's Auth page.",
    ),
}
_SAME_REASONS = {
    "MISMATCH_REDIRECT_URI_AUTH_CODE": "BAD_REDIRECT_URI",
    "REDIRECT_URI_MISMATCH": "BAD_REDIRECT_URI",
    "INVALID_CLIENT": "BAD_CLIENT_ID",
    "UNAUTHORIZED_CLIENT": "BAD_CLIENT_ID",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The HubSpot app of this installation, and the host whose token endpoint knows it."""

    api_url: str
    client_id: str
    client_secret: SecretStr


def authorize_url(
    page: str,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    code_verifier: SecretStr | None = None,
    scopes: Iterable[str] = (BASIC_SCOPE, *SCOPES),
) -> str:
    """Return the address where a person approves the app.

    Args:
        page: such as `https://app.hubspot.com/oauth/authorize`; a query of its own is kept.
        client_id: the HubSpot app's.
        redirect_uri: one of those registered in the app, to the letter.
        state: comes back with the approval, unchanged.
        code_verifier: the exchange has to bring it along (PKCE); the address carries its digest alone.
        scopes: the permissions to ask for: all that the app requires, and none that it does not have.
    """
    parts = urlsplit(page)
    query = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("scope", " ".join(scopes)),
        ("state", state),
    ]
    if code_verifier is not None:
        query += [("code_challenge", _challenge(code_verifier)), ("code_challenge_method", "S256")]
    # A space is `%20`, as in HubSpot's own links; `+` means one in forms only.
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()


def _challenge(code_verifier: SecretStr) -> str:
    digest = hashlib.sha256(code_verifier.get_secret_value().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def exchange_code(
    app: OAuthApp,
    code: SecretStr,
    *,
    redirect_uri: str,
    code_verifier: SecretStr | None = None,
    retry_limits: RetryLimits = RETRY_LIMITS,
) -> Grant:
    """Turn the code of an approval into tokens, and find out which portal granted which scopes.

    Args:
        app: the HubSpot app that was approved.
        code: as it came back with the approval; it works once and briefly.
        redirect_uri: the one that the approval was asked with.
        code_verifier: likewise.
        retry_limits: how long a passing fault is waited out.

    Raises:
        GrantRejected: HubSpot refuses; `reason` is its code, the message says what it means.
        RateLimited, PortalUnavailable: still so after retries.
    """
    form: dict[str, str | SecretStr] = {
        "grant_type": "authorization_code",
        "redirect_uri": redirect_uri,
        "code": code,
    }
    if code_verifier is not None:
        form["code_verifier"] = code_verifier
    grant = await _post(app, paths.TOKEN, form, read=read_grant, retry_limits=retry_limits)
    if grant.hub_id is not None and grant.scopes:
        return grant
    known = await introspect(app, grant.access_token, retry_limits=retry_limits)
    if known.hub_id is None and grant.hub_id is None:
        raise GrantRejected("HubSpot issued a token, but does not say for which portal.", reason="NO_PORTAL")
    return Grant(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_in_s=grant.expires_in_s,
        hub_id=grant.hub_id if grant.hub_id is not None else known.hub_id,
        scopes=grant.scopes or known.scopes,
    )


async def refresh(app: OAuthApp, refresh_token: SecretStr, *, retry_limits: RetryLimits = RETRY_LIMITS) -> Grant:
    """Return a new access token, and the refresh token where HubSpot sent one along: store whatever comes back.

    Raises:
        AuthorizationRevoked: the refresh token is dead: revoked, or the app uninstalled.
        GrantRejected: HubSpot refuses for another reason, such as a wrong client secret.
        RateLimited, PortalUnavailable: still so after retries.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await _post(app, paths.TOKEN, form, read=read_grant, retry_limits=retry_limits)


async def introspect(
    app: OAuthApp, token: SecretStr, *, kind: str = ACCESS_TOKEN, retry_limits: RetryLimits = RETRY_LIMITS
) -> Introspection:
    """Return what HubSpot knows about a token; `kind` is ACCESS_TOKEN or REFRESH_TOKEN.

    Raises:
        GrantRejected: HubSpot refuses to say.
        RateLimited, PortalUnavailable: still so after retries.
    """
    form = _token_form(token, kind)
    return await _post(app, paths.TOKEN_INTROSPECT, form, read=read_introspection, retry_limits=retry_limits)


async def revoke(
    app: OAuthApp, token: SecretStr, *, kind: str = REFRESH_TOKEN, retry_limits: RetryLimits = RETRY_LIMITS
) -> None:
    """Revoke a token. The app stays installed, and access tokens that are out may live on until they expire.

    Raises:
        GrantRejected: HubSpot does not know the token, or the app.
        RateLimited, PortalUnavailable: still so after retries.
    """
    async with Transport(app.api_url, request_timeout_s=REQUEST_TIMEOUT_S) as transport:
        # The answer has no body worth reading.
        await retried(
            lambda: _sent(transport, app, paths.TOKEN_REVOKE, _token_form(token, kind)),
            limits=retry_limits,
            clock=_now,
        )


async def uninstall(app: OAuthApp, access_token: SecretStr, *, retry_limits: RetryLimits = RETRY_LIMITS) -> None:
    """Remove the app from the token's portal: every token of that portal ends, and its admins get an e-mail.

    Raises:
        TokenRejected: the access token is no good any more.
        RequestRefused, ScopeMissing: HubSpot does not let the app remove itself.
        RateLimited, PortalUnavailable: still so after retries.
    """
    async with Transport(app.api_url, request_timeout_s=REQUEST_TIMEOUT_S) as transport:

        async def attempt() -> None:
            answer = await transport.send("DELETE", paths.UNINSTALL, bearer=access_token)
            if answer.status >= 300:
                raise error_for(f"DELETE {paths.UNINSTALL}", answer, budget=None, now=_now(), zone=UTC)

        await retried(attempt, limits=retry_limits, clock=_now)


def _token_form(token: SecretStr, kind: str) -> dict[str, str | SecretStr]:
    # HubSpot's OpenAPI description names the field `token`, its guide names it after the hint.
    return {"token_type_hint": kind, "token": token, kind: token}


async def _post(
    app: OAuthApp,
    path: str,
    form: Mapping[str, str | SecretStr],
    *,
    read: Callable[[bytes], T],
    retry_limits: RetryLimits,
) -> T:
    async with Transport(app.api_url, request_timeout_s=REQUEST_TIMEOUT_S) as transport:

        async def attempt() -> T:
            answer = await _sent(transport, app, path, form)
            try:
                return read(answer.content)
            except Unreadable as unreadable:
                said = f"HubSpot's answer to POST {path} can't be used: {unreadable}."
                # A code that was taken is spent: asked again, HubSpot would only say so.
                if "code" in form:
                    raise GrantRejected(said, reason=MALFORMED_ANSWER) from None
                raise PortalUnavailable(said) from None

        return await retried(attempt, limits=retry_limits, clock=_now)


async def _sent(transport: Transport, app: OAuthApp, path: str, form: Mapping[str, str | SecretStr]) -> Answer:
    full_form = {"client_id": app.client_id, "client_secret": app.client_secret, **form}
    answer = await transport.send("POST", path, form=full_form)
    if answer.status in _REFUSED_STATUSES:
        body, refreshing = error_body(answer), form.get("grant_type") == REFRESH_TOKEN
        if refreshing and not (body.oauth_code or body.category or body.message):
            # Such as the page of a proxy: nobody has to approve anew because of that.
            raise PortalUnavailable(f"POST {path} failed with {answer.status}, and HubSpot gave no reason.", body=body)
        raise _grant_error(body, refreshing=refreshing)
    if answer.status >= 300:
        raise error_for(f"POST {path}", answer, budget=None, now=_now(), zone=UTC)
    return answer


def _grant_error(body: ErrorBody, *, refreshing: bool) -> GrantRejected:
    reason = body.oauth_code or body.category or str(body.status)
    code = _SAME_REASONS.get(reason.upper(), reason.upper())
    if code == "INVALID_GRANT":
        code = BAD_REFRESH_TOKEN if refreshing else BAD_AUTH_CODE
    meaning, hint = _REASONS.get(code, ("HubSpot's token endpoint refuses", None))
    reason, message = printable(reason), printable(body.message)
    said = f" ({message.rstrip('.')})" if message else ""
    kind = AuthorizationRevoked if code == BAD_REFRESH_TOKEN else GrantRejected
    return kind(f"{meaning}: {reason}{said}.", reason=reason, hint=hint, body=body)


def _now() -> datetime:
    return datetime.now(UTC)
