"""From an HTTP answer to its JSON, or to the typed error that it stands for."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from itertools import chain
from math import nan
from typing import Any

from coppermind_pipeline.hubspot.budgets import Budget
from coppermind_pipeline.hubspot.errors import (
    ErrorBody,
    ErrorItem,
    HubSpotError,
    PortalUnavailable,
    RateLimited,
    RequestRefused,
    ScopeMissing,
    TokenRejected,
    printable,
)
from coppermind_pipeline.hubspot.http.transport import Answer
from coppermind_pipeline.json_text import read_json

DAILY = "DAILY"
TEN_SECONDLY = "TEN_SECONDLY_ROLLING"
SECONDLY = "SECONDLY"

# Waits after a 429 without Retry-After, as HubSpot's own SDK has them.
_WAIT_AFTER_429_S = {TEN_SECONDLY: 10.0, SECONDLY: 1.0}
# Statuses below 500 that pass by themselves: request timeout, record locked, portal being moved; and 401 where it says
# nothing, as a proxy's does: HubSpot's own says what is wrong with the token.
_PASSING_STATUSES = frozenset({401, 408, 423, 477})
_LOCKED_WAIT_S = 2.0
# A wait that a header asks for: whatever it says, the portal is looked at again the day after.
RETRY_AFTER_MAX_S = 86_400.0

# HubSpot's own answers are not ten deep.
NESTING_MAX = 100

_NESTING = frozenset({dict, list})
_TOO_DEEP = "nested too deeply"

_REFUSED_PROPERTY_CODES = re.compile(r"PROPERTY|INVALID_NAME", re.IGNORECASE)
_QUOTED_PROPERTY = re.compile(r"""propert(?:y|ies)\b[^"'`]{0,20}["'`]([^"'`\s]+)["'`]""", re.IGNORECASE)


def decoded(content: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        ValueError: the body is no JSON: cut off, or a web page; or it is nested deeper than anything of HubSpot's.
    """
    try:
        return shallow(read_json(content))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def shallow(value: Any) -> Any:
    """Return a JSON value as it is; raise ValueError where it is nested deeper than `NESTING_MAX`."""
    # Decoders make plain dicts and lists. Every value read comes by here, and isinstance takes three times as long.
    level = [value] if type(value) in _NESTING else []
    for _ in range(NESTING_MAX + 1):
        if not level:
            return value
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
    raise ValueError(_TOO_DEEP)


def error_for(what: str, answer: Answer, *, budget: Budget | None, now: datetime, zone: tzinfo) -> HubSpotError:
    """Return the error that an answer of status 300 or above stands for.

    Args:
        what: method and path of the request, for the message.
        answer: the whole answer.
        budget: what the call was charged to; decides the wait of a 429 that names no policy.
        now: the time of the answer, which waits count from.
        zone: the portal's time zone: its daily limit ends at midnight there.
    """
    body = error_body(answer)
    status = answer.status
    said = _said(body)
    if status == 401 and (body.category or body.message):
        return TokenRejected(f"HubSpot rejected the access token{said}", body=body)
    if status == 403 and (scopes := _missing_scopes(body)) is not None:
        named = f": {printable(', '.join(scopes))}" if scopes else ""
        return ScopeMissing(f"The authorization lacks a scope{named}{said}", scopes=scopes, body=body)
    if status == 429:
        policy = _policy(body, budget)
        retry_at = retry_after(answer, now=now) or _end_of_limit(policy, now=now, zone=zone)
        return RateLimited(f"HubSpot's {policy} limit is reached{said}", policy=policy, retry_at=retry_at, body=body)
    if status >= 500 or status in _PASSING_STATUSES:
        retry_at = retry_after(answer, now=now)
        if retry_at is None and status == 423:
            retry_at = now + timedelta(seconds=_LOCKED_WAIT_S)
        return PortalUnavailable(f"{what} failed with {status}{said}", retry_at=retry_at, body=body)
    return RequestRefused(
        f"HubSpot refused {what} with {status}{said}", refused_properties=_refused_properties(body), body=body
    )


def error_body(answer: Answer) -> ErrorBody:
    """Return what the body of an error answer says; a body that is no JSON object says nothing."""
    try:
        data = decoded(answer.content)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        data = {}
    return ErrorBody(
        status=answer.status,
        message=str(data.get("message") or data.get("error_description") or ""),
        category=str(data.get("category") or data.get("errorType") or ""),
        correlation_id=str(
            data.get("correlationId") or data.get("requestId") or answer.headers.get("x-hubspot-correlation-id", "")
        ),
        policy=str(data.get("policyName") or ""),
        oauth_code=_oauth_code(data),
        errors=error_items(data),
        context=_context(data.get("context")),
    )


def error_items(data: Mapping[str, Any]) -> tuple[ErrorItem, ...]:
    """Return the entries of a body's `errors`, in an error answer and beside a batch's results alike."""
    entries = data.get("errors")
    return tuple(
        ErrorItem(
            message=str(entry.get("message") or ""),
            category=str(entry.get("category") or ""),
            code=str(entry.get("subCategory") or entry.get("code") or entry.get("error") or ""),
            context=_context(entry.get("context")),
        )
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    )


def retry_after(answer: Answer, *, now: datetime) -> datetime | None:
    """Return the instant that the answer's `Retry-After` names, in seconds or as an HTTP date, a day ahead at most.

    None where it is missing or names none: words, or a time below zero.
    """
    value = answer.headers.get("retry-after", "").strip()
    try:
        wait_s = float(value)
    except ValueError:
        wait_s = _seconds_until(value, now)
    # What is no number at all compares with nothing.
    return now + timedelta(seconds=min(wait_s, RETRY_AFTER_MAX_S)) if wait_s >= 0 else None


def _seconds_until(http_date: str, now: datetime) -> float:
    try:
        date = parsedate_to_datetime(http_date)
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError):
        return nan


def _said(body: ErrorBody) -> str:
    message = printable(body.message)
    words = f": {message.rstrip('.')}" if message else ""
    return f"{words} (correlation id {printable(body.correlation_id)})." if body.correlation_id else f"{words}."


def _oauth_code(data: Mapping[str, Any]) -> str:
    # Newer endpoints carry the standard's `error` beside HubSpot's own code in `status`; older ones the latter alone.
    status = str(data.get("status") or "")
    return status if status and status != "error" else str(data.get("error") or "")


def _context(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        return {}
    return {
        str(key): tuple(str(v) for v in values) if isinstance(values, list) else (str(values),)
        for key, values in value.items()
        if values is not None
    }


def _missing_scopes(body: ErrorBody) -> tuple[str, ...] | None:
    contexts = (body.context, *(item.context for item in body.errors))
    names = chain.from_iterable(
        context.get(key, ()) for context in contexts for key in ("requiredGranularScopes", "requiredScopes")
    )
    scopes = tuple(dict.fromkeys(names))
    return scopes if scopes or body.category == "MISSING_SCOPES" else None


def _policy(body: ErrorBody, budget: Budget | None) -> str:
    named = f"{body.policy} {body.message}".upper()
    if DAILY in named:
        return DAILY
    if "TEN_SECONDLY" in named:
        return TEN_SECONDLY
    if SECONDLY in named:
        return SECONDLY
    return SECONDLY if budget is Budget.SEARCH else TEN_SECONDLY


def _end_of_limit(policy: str, *, now: datetime, zone: tzinfo) -> datetime:
    if policy != DAILY:
        return now + timedelta(seconds=_WAIT_AFTER_429_S[policy])
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)


def _refused_properties(body: ErrorBody) -> Iterable[str]:
    """Yield the property names that a validation error is about, from each of the places where HubSpot puts them."""
    for item in body.errors:
        for key in ("propertyName", "propertyNames", "property", "properties"):
            yield from item.context.get(key, ())
    for key in ("propertyName", "propertyNames"):
        yield from body.context.get(key, ())
    yield from _properties_in_message(body.message)
    for item in body.errors:
        yield from _QUOTED_PROPERTY.findall(item.message)


def _properties_in_message(message: str) -> Iterable[str]:
    # "Property values were not valid: [{"error": "PROPERTY_DOESNT_EXIST", "name": "x", …}, …]"
    start = message.find("[{")
    if start >= 0:
        try:
            entries = shallow(json.JSONDecoder().raw_decode(message, start)[0])
        except (ValueError, RecursionError):
            entries = []
        for entry in entries:
            if isinstance(entry, dict) and _REFUSED_PROPERTY_CODES.search(str(entry.get("error", ""))):
                yield str(entry.get("name", ""))
    else:
        yield from _QUOTED_PROPERTY.findall(message)
