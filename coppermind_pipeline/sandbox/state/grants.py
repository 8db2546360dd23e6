"""What people allowed: authorization codes and tokens, and a log of every one ever issued."""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum


class GrantKind(StrEnum):
    """What a string stands for."""

    CODE = "code"
    ACCESS = "access_token"
    REFRESH = "refresh_token"


@dataclass(slots=True)
class Grant:
    """One code or token."""

    kind: GrantKind
    value: str
    client_id: str
    hub_id: int
    scopes: tuple[str, ...]
    expires_ms: int | None
    redirect_uri: str | None = None
    #: The digest of the verifier that the exchange of a code has to bring (PKCE).
    code_challenge: str | None = None
    #: The refresh token that an access token was made with.
    parent: str | None = None
    revoked: bool = False


@dataclass(slots=True)
class Grants:
    """All codes and tokens of the server."""

    token_lifetime_s: int
    code_lifetime_s: int
    _by_value: dict[str, Grant] = field(default_factory=dict)

    def issue_code(
        self,
        *,
        client_id: str,
        hub_id: int,
        scopes: tuple[str, ...],
        redirect_uri: str,
        code_challenge: str | None,
        now_ms: int,
    ) -> Grant:
        """Issue a code; it works once, and briefly."""
        expires_ms = now_ms + self.code_lifetime_s * 1000
        value = "na1-" + secrets.token_urlsafe(18)
        return self._keep(
            Grant(
                GrantKind.CODE,
                value,
                client_id,
                hub_id,
                scopes,
                expires_ms,
                redirect_uri=redirect_uri,
                code_challenge=code_challenge,
            )
        )

    def issue_refresh(self, grant: Grant) -> Grant:
        """Issue a refresh token for a code or another refresh token."""
        value = "na1-" + secrets.token_urlsafe(27)
        return self._keep(Grant(GrantKind.REFRESH, value, grant.client_id, grant.hub_id, grant.scopes, expires_ms=None))

    def issue_access(self, refresh: Grant, *, now_ms: int) -> Grant:
        """Issue an access token; opaque, and longer than one would like."""
        expires_ms = now_ms + self.token_lifetime_s * 1000
        value = "C" + secrets.token_urlsafe(260)
        client_id, hub_id, scopes = refresh.client_id, refresh.hub_id, refresh.scopes
        return self._keep(Grant(GrantKind.ACCESS, value, client_id, hub_id, scopes, expires_ms, parent=refresh.value))

    def find(self, kind: GrantKind, value: str) -> Grant | None:
        """Return a code or token, even an expired or revoked one; None where it was never issued."""
        grant = self._by_value.get(value)
        return grant if grant is not None and grant.kind is kind else None

    def revoke_hub(self, hub_id: int) -> None:
        """End everything that a portal granted."""
        for grant in self._by_value.values():
            if grant.hub_id == hub_id:
                grant.revoked = True

    def revoke(self, refresh: Grant, *, with_access: bool) -> None:
        """End a refresh token, and if wanted the access tokens made with it."""
        refresh.revoked = True
        if with_access:
            for grant in self._by_value.values():
                if grant.parent == refresh.value:
                    grant.revoked = True

    def log(self) -> list[Grant]:
        """Return everything ever issued, oldest first."""
        return list(self._by_value.values())

    def _keep(self, grant: Grant) -> Grant:
        self._by_value[grant.value] = grant
        return grant
