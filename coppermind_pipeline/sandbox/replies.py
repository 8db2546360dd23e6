"""Answers in HubSpot's shapes, errors above all.

Source: error bodies recorded from HubSpot or quoted in public threads, and its error-handling guide.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = b"application/json;charset=utf-8"
HTML = b"text/html"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to be sent."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    #: How many records it carries, for the request log.
    records: int = 0


@dataclass(slots=True)
class Refusal(Exception):
    """Raised where a call can't be answered; carries the answer that says so."""

    reply: Reply = field()


def ok(document: Any, *, status: int = 200, records: int = 0) -> Reply:
    """Answer with a document."""
    return Reply(status, orjson.dumps(document), records=records)


def error(status: int, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = (), **more: Any) -> Refusal:
    """Refuse with HubSpot's general error body; `more` are further members (category, errors, context)."""
    correlation = str(uuid.uuid4())
    body = {"status": "error", "message": message, "correlationId": correlation} | more
    return Refusal(
        Reply(status, orjson.dumps(body), headers=((b"x-hubspot-correlation-id", correlation.encode()), *headers))
    )


def invalid(message: str, **more: Any) -> Refusal:
    """Refuse a request that makes no sense."""
    return error(400, message, category="VALIDATION_ERROR", **more)


def invalid_json(message: str, column: int = 1) -> Refusal:
    """Refuse a body of the wrong shape, in the words of HubSpot's JSON reader."""
    return error(400, f"Invalid input JSON on line 1, column {column}: {message}")


def no_credentials() -> Refusal:
    """Refuse a call without a token, or with one that was never issued."""
    return error(
        401,
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details"
        " at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        category="INVALID_AUTHENTICATION",
        headers=((b"x-hubspot-auth-failure", b"401 Unauthorized"),),
    )


def expired_token(expired_at: str, ago_ms: int) -> Refusal:
    """Refuse a call with a token past its life; the words change with its age."""
    seconds = ago_ms // 1000
    age = f"{seconds // 3600} hour(s)" if seconds >= 3600 else f"{seconds // 60} minute(s)" if seconds >= 60 else None
    return error(
        401,
        f"The OAuth token used to make this call expired {age or f'{seconds} second(s)'} ago.",
        category="EXPIRED_AUTHENTICATION",
        context={"expire time": [expired_at]},
    )


def missing_scopes(scopes: list[str], *, in_errors: bool) -> Refusal:
    """Refuse a call that the token's scopes don't open, in either of the two shapes seen."""
    if in_errors:
        return error(
            403,
            "This app hasn't been granted all required scopes to make this call. Read more about required scopes here:"
            " https://developers.hubspot.com/scopes.",
            errors=[
                {"message": "One or more of the following scopes are required.", "context": {"requiredScopes": scopes}}
            ],
            links={"scopes": "https://developers.hubspot.com/scopes"},
            category="MISSING_SCOPES",
        )
    return error(
        403,
        "One or more of the following scopes are required.",
        context={"requiredGranularScopes": scopes, "links": ["https://developers.hubspot.com/scopes"]},
        category="MISSING_SCOPES",
    )


def rate_limited(policy: str, *, hub_id: int, retry_after_s: int | None, with_category: bool) -> Refusal:
    """Refuse a call over a limit."""
    more = {"category": "RATE_LIMITS"} if with_category else {}
    headers = () if retry_after_s is None else ((b"retry-after", str(retry_after_s).encode()),)
    return error(
        429,
        f"You have reached your {policy.lower()} limit.",
        errorType="RATE_LIMIT",
        policyName=policy,
        groupName=f"publicapi:oauth:{policy.lower()}:{hub_id}",
        requestId=uuid.uuid4().hex,
        headers=headers,
        **more,
    )


def url_too_long() -> Reply:
    """Answer as HubSpot's edge does to a URL past its limit: in HTML."""
    said = b"414 Request-URI Too Large"
    page = b"<html><head><title>" + said + b"</title></head><body><h1>" + said + b"</h1></body></html>"
    return Reply(414, page, HTML)


def object_not_found(singular: str, ids: list[str]) -> dict[str, Any]:
    """Spell the part of a batch answer that names ids without a record."""
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {singular.upper()} objects, they may be deleted or not exist."
        " Check that ids are valid.",
        "context": {"ids": ids},
    }
