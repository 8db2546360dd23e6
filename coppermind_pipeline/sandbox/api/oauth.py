"""Tokens: exchange, refresh, introspection, revocation, uninstalling.

Source: HubSpot, "Manage OAuth tokens" (fields, error members of new and v1 endpoints) and its OpenAPI files.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from coppermind_pipeline.sandbox.api.endpoint import Call
from coppermind_pipeline.sandbox.replies import Refusal, Reply, error, ok
from coppermind_pipeline.sandbox.state.grants import Grant, GrantKind

APP_ID = 31_700_412
USER_ID = 9_400_120


def token(call: Call) -> Reply:
    """`POST /oauth/…/token`: a code or a refresh token becomes an access token."""
    form = _form(call)
    grant_type = form.get("grant_type")
    if grant_type not in {"authorization_code", "refresh_token"}:
        raise _refused(call, "unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")
    _check_client(call, form)
    now_ms = call.sandbox.clock.now_ms()
    if grant_type == "authorization_code":
        refresh = call.sandbox.grants.issue_refresh(_redeemed_code(call, form))
    else:
        refresh = _refreshed(call, form)
    access = call.sandbox.grants.issue_access(refresh, now_ms=now_ms)
    return ok(
        {
            "token_type": "bearer",
            "access_token": access.value,
            "refresh_token": refresh.value,
            "expires_in": call.sandbox.grants.token_lifetime_s,
            "hub_id": access.hub_id,
            "scopes": list(access.scopes),
            "user_id": USER_ID,
            "token_use": "access_token",
        }
    )


def introspect(call: Call) -> Reply:
    """`POST /oauth/…/token/introspect`: what a token is; one that is not good any more is merely inactive."""
    form = _form(call)
    _check_client(call, form)
    grant = _named_token(call, form)
    if grant is None or not _good(call, grant):
        return ok({"active": False})
    portal = call.sandbox.portals[grant.hub_id]
    document: dict[str, Any] = {
        "active": True,
        "hub_id": grant.hub_id,
        "hub_domain": portal.hub_domain,
        "user": f"admin@{portal.hub_domain}",
        "user_id": USER_ID,
        "app_id": APP_ID,
        "client_id": grant.client_id,
        "scopes": list(grant.scopes),
        "token_use": grant.kind.value,
        "token_type": "bearer",
    }
    if portal.switches.user_level_field:
        document[portal.switches.user_level_field] = True
    if grant.expires_ms is not None:
        document["expires_in"] = (grant.expires_ms - call.sandbox.clock.now_ms()) // 1000
    return ok(document)


def revoke(call: Call) -> Reply:
    """`POST /oauth/…/token/revoke`: the refresh token dies; access tokens made with it only where switched so."""
    form = _form(call)
    _check_client(call, form)
    grant = _named_token(call, form)
    if grant is not None:
        _revoke(call, grant)
    return ok({})


def describe_token_v1(call: Call) -> Reply:
    """`GET /oauth/v1/access-tokens/{token}` and `…/refresh-tokens/{token}`."""
    grant = _path_token(call)
    if grant is None or not _good(call, grant):
        raise error(404, "The token is unknown or expired", category="INVALID_AUTHENTICATION")
    portal = call.sandbox.portals[grant.hub_id]
    document: dict[str, Any] = {
        "token": grant.value,
        "user": f"admin@{portal.hub_domain}",
        "hub_domain": portal.hub_domain,
        "scopes": list(grant.scopes),
        "hub_id": grant.hub_id,
        "app_id": APP_ID,
        "user_id": USER_ID,
        "token_type": grant.kind.value.removesuffix("_token"),
    }
    if grant.expires_ms is not None:
        document["expires_in"] = (grant.expires_ms - call.sandbox.clock.now_ms()) // 1000
    else:
        document["client_id"] = grant.client_id
    return ok(document)


def revoke_v1(call: Call) -> Reply:
    """`DELETE /oauth/v1/refresh-tokens/{token}`."""
    grant = _path_token(call)
    if grant is None:
        raise error(404, "The token is unknown or expired", category="INVALID_AUTHENTICATION")
    _revoke(call, grant)
    return Reply(204, b"")


def uninstall(call: Call) -> Reply:
    """`DELETE /appinstalls/…/external-install`: the portal lets the app go, and all tokens with it."""
    call.sandbox.grants.revoke_hub(call.portal.hub_id)
    call.portal.uninstalled = True
    return Reply(204, b"")


def _redeemed_code(call: Call, form: Mapping[str, str]) -> Grant:
    code = call.sandbox.grants.find(GrantKind.CODE, form.get("code", ""))
    now_ms = call.sandbox.clock.now_ms()
    if code is None or code.revoked or (code.expires_ms is not None and now_ms >= code.expires_ms):
        raise _refused(call, "invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
    if code.redirect_uri != form.get("redirect_uri"):
        raise _refused(call, "invalid_grant", "BAD_REDIRECT_URI", "redirect_uri differs from the one authorized")
    if code.code_challenge is not None and code.code_challenge != _challenge_of(form.get("code_verifier", "")):
        raise _refused(call, "invalid_grant", "BAD_AUTH_CODE", "code_verifier does not match code_challenge")
    code.revoked = True
    return code


def _challenge_of(code_verifier: str) -> str:
    """Return the S256 challenge of a code verifier (RFC 7636)."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def _refreshed(call: Call, form: Mapping[str, str]) -> Grant:
    grants = call.sandbox.grants
    refresh = grants.find(GrantKind.REFRESH, form.get("refresh_token", ""))
    if refresh is None or refresh.revoked:
        raise _refused(call, "invalid_grant", "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
    if call.sandbox.portals[refresh.hub_id].switches.refresh_token_rotates:
        grants.revoke(refresh, with_access=False)
        return grants.issue_refresh(refresh)
    return refresh


def _check_client(call: Call, form: Mapping[str, str]) -> None:
    config = call.sandbox.config
    if form.get("client_id") != config.client_id:
        raise _refused(call, "invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
    if form.get("client_secret") != config.client_secret:
        raise _refused(call, "invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")


def _named_token(call: Call, form: Mapping[str, str]) -> Grant | None:
    """Find the token of a form: in `token`, or in the field that is named after the hint."""
    hint = form.get("token_type_hint", "")
    value = form.get("token") or form.get(hint) or form.get("access_token") or form.get("refresh_token") or ""
    return call.sandbox.grants.find(GrantKind.ACCESS, value) or call.sandbox.grants.find(GrantKind.REFRESH, value)


def _path_token(call: Call) -> Grant | None:
    kind = GrantKind.ACCESS if "/access-tokens/" in call.path else GrantKind.REFRESH
    return call.sandbox.grants.find(kind, call.parameters["token"])


def _good(call: Call, grant: Grant) -> bool:
    now_ms = call.sandbox.clock.now_ms()
    return not grant.revoked and (grant.expires_ms is None or now_ms < grant.expires_ms)


def _revoke(call: Call, grant: Grant) -> None:
    switches = call.sandbox.portals[grant.hub_id].switches
    call.sandbox.grants.revoke(grant, with_access=switches.revoke_ends_access)


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def _refused(call: Call, code: str, status: str, message: str) -> Refusal:
    """Refuse in the shape of the endpoint's version: v1 knew only `status` and `message`."""
    document = {"status": status, "message": message}
    if "/oauth/v1/" not in call.path:
        document = {"error": code, "error_description": message} | document
    return Refusal(Reply(400, orjson.dumps(document)))
