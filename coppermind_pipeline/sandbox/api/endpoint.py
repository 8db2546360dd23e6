"""How every API call is served: token, limits, faults, scopes, answer, latency, log."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

import orjson
from starlette.types import Receive, Scope, Send

from coppermind_pipeline.sandbox.limits import Budget, Window
from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.replies import (
    JSON,
    Refusal,
    Reply,
    error,
    expired_token,
    missing_scopes,
    no_credentials,
    rate_limited,
    url_too_long,
)
from coppermind_pipeline.sandbox.state.faults import Asked, Fault
from coppermind_pipeline.sandbox.state.grants import Grant, GrantKind
from coppermind_pipeline.sandbox.state.request_log import LoggedRequest
from coppermind_pipeline.sandbox.state.sandbox import Sandbox
from coppermind_pipeline.sandbox.timestamps import iso

URL_CHARACTERS_MAX = 16_000
#: Under this key of the ASGI scope's extensions the server's protocol hands its transport to drop connections.
TRANSPORT = "sandbox.transport"


@dataclass(slots=True)
class Call:
    """One request as a handler sees it."""

    sandbox: Sandbox
    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[bytes, bytes]
    body: bytes
    #: Set once the token is known; calls without a token have neither.
    maybe_portal: Portal | None = None
    maybe_grant: Grant | None = None
    #: The limit that the call was counted against.
    window: Window | None = None

    @property
    def portal(self) -> Portal:
        """The portal whose token the call carries."""
        if self.maybe_portal is None:
            raise no_credentials()
        return self.maybe_portal

    @property
    def grant(self) -> Grant:
        """The access token that the call carries."""
        if self.maybe_grant is None:
            raise no_credentials()
        return self.maybe_grant

    def kind(self, parameter: str = "object_type") -> ObjectKind:
        """Return the kind of record that the path names; raises Refusal for any other word."""
        word = self.parameters[parameter]
        kind = object_kind(word)
        if kind is None:
            raise error(400, f"Unable to infer object type from: {word}")
        return kind

    def query_one(self, name: str, default: str = "") -> str:
        """Return a query parameter's last value."""
        found = self.query.get(name)
        return found[-1] if found else default

    def query_list(self, name: str) -> list[str]:
        """Return a query parameter's values, given several times or joined by commas."""
        return [part for value in self.query.get(name, []) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """Return a query parameter as a truth value."""
        return self.query_one(name).lower() == "true"


Handler = Callable[[Call], Reply]
#: The scopes that open a call: one of each tuple.
Scopes = Callable[[Call], tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a method on a path does. Without `scopes` it takes calls without a token."""

    handler: Handler
    budget: Budget = Budget.GENERAL
    scopes: Scopes | None = None


class Endpoint:
    """An ASGI app that serves one path's operations, by method."""

    def __init__(self, sandbox: Sandbox, operations: Mapping[str, Operation]) -> None:
        self.sandbox = sandbox
        self.operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        started = time.perf_counter()
        call = await _read_call(self.sandbox, scope, receive)
        operation = self.operations.get(call.method)
        fault: Fault | None = None
        try:
            self._admit(call, operation)
            fault = self._fault(call)
            reply = _fault_reply(fault) or _with_headers(self._answer(call, operation, scope), fault)
        except Refusal as refusal:
            # A refused call may be faulted all the same: a proxy before HubSpot knows neither tokens nor limits.
            fault = fault or (None if call.maybe_portal else self._fault(call))
            reply = _fault_reply(fault) or refusal.reply
        delay_ms = self.sandbox.latency_ms + (fault.delay_ms if fault else 0)
        if delay_ms:
            await asyncio.sleep(max(0.0, delay_ms / 1000 - (time.perf_counter() - started)))
        budget = operation.budget if operation else Budget.NONE
        headers = _limit_headers(call, budget)
        self._log(call, budget, reply, started)
        await _send(scope, send, reply, headers, fault)

    def _admit(self, call: Call, operation: Operation | None) -> None:
        """Check token and limits."""
        if operation is None:
            raise error(405, "HTTP 405 Method Not Allowed")
        if operation.scopes is None:
            return
        _authenticate(call)
        portal, now_ms = call.portal, self.sandbox.clock.now_ms()
        switches = portal.switches
        budgets = portal.budgets
        if budgets.daily_calls_max is not None and budgets.refused_by_day(portal.account.day(now_ms)):
            raise rate_limited(
                "DAILY", hub_id=portal.hub_id, retry_after_s=None, with_category=switches.rate_limit_category
            )
        window = call.window = budgets.windows.get(operation.budget)
        if window is None or window.take(now_ms):
            return
        wait_s = -(-window.retry_after_ms(now_ms) // 1000)
        raise rate_limited(
            window.policy.name,
            hub_id=portal.hub_id,
            retry_after_s=max(1, wait_s) if switches.retry_after else None,
            with_category=switches.rate_limit_category,
        )

    def _answer(self, call: Call, operation: Operation | None, scope: Scope) -> Reply:
        if len(scope["raw_path"]) + len(scope["query_string"]) > URL_CHARACTERS_MAX:
            return url_too_long()
        if operation is None:
            raise error(405, "HTTP 405 Method Not Allowed")
        if operation.scopes is not None:
            granted = set(call.grant.scopes)
            for alternatives in operation.scopes(call):
                if not granted.intersection(alternatives):
                    raise missing_scopes(list(alternatives), in_errors=call.portal.switches.missing_scopes_in_errors)
        return operation.handler(call)

    def _fault(self, call: Call) -> Fault | None:
        hub_id = call.maybe_portal.hub_id if call.maybe_portal else None
        return self.sandbox.faults.next_for(
            method=call.method, path=call.path, hub_id=hub_id, asked=lambda: _asked(call)
        )

    def _log(self, call: Call, budget: Budget, reply: Reply, started: float) -> None:
        self.sandbox.log.add(
            LoggedRequest(
                at_ms=self.sandbox.clock.now_ms(),
                method=call.method,
                path=call.path,
                budget=budget.value,
                status=reply.status,
                took_ms=round((time.perf_counter() - started) * 1000, 3),
                hub_id=call.maybe_portal.hub_id if call.maybe_portal else None,
                records=reply.records,
            )
        )


async def _read_call(sandbox: Sandbox, scope: Scope, receive: Receive) -> Call:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    query = scope["query_string"]
    return Call(
        sandbox=sandbox,
        method=scope["method"],
        path=scope["requested_path"],
        parameters=scope.get("path_params", {}),
        query=parse_qs(query.decode("latin-1"), keep_blank_values=True) if query else {},
        headers=dict(scope["headers"]),
        body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
    )


def _asked(call: Call) -> Asked:
    """Return what the call asks for: a batch by its inputs, a page by its limit."""
    try:
        body = orjson.loads(call.body) if call.body else {}
    except orjson.JSONDecodeError:
        body = {}
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if isinstance(inputs, list):
        return Asked(len(inputs), frozenset(str(item.get("id")) for item in inputs if isinstance(item, dict)))
    limit = str(body.get("limit") if isinstance(body, dict) and body else call.query_one("limit"))
    return Asked(int(limit) if limit.isdecimal() else 0)


def _authenticate(call: Call) -> None:
    scheme, _, token = call.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    grant = call.sandbox.grants.find(GrantKind.ACCESS, token.strip()) if scheme.lower() == "bearer" else None
    portal = call.sandbox.portals.get(grant.hub_id) if grant else None
    if grant is None or portal is None or grant.revoked:
        raise no_credentials()
    now_ms = call.sandbox.clock.now_ms()
    if grant.expires_ms is not None and now_ms >= grant.expires_ms:
        raise expired_token(iso(grant.expires_ms), now_ms - grant.expires_ms)
    call.maybe_portal, call.maybe_grant = portal, grant


def _limit_headers(call: Call, budget: Budget) -> list[tuple[bytes, bytes]]:
    """State the window as HubSpot does: search never, associations only where switched on."""
    window = call.window
    if window is None or call.maybe_portal is None or budget is Budget.SEARCH:
        return []
    if budget is Budget.ASSOCIATIONS and not call.maybe_portal.switches.association_limit_headers:
        return []
    return [
        (b"x-hubspot-ratelimit-max", str(window.policy.calls).encode()),
        (b"x-hubspot-ratelimit-remaining", str(window.remaining).encode()),
        (b"x-hubspot-ratelimit-interval-milliseconds", str(window.policy.window_ms).encode()),
    ]


def _fault_reply(fault: Fault | None) -> Reply | None:
    if fault is None or fault.action != "reply" or fault.status is None:
        return None
    as_text = isinstance(fault.body, str)
    body = b"" if fault.body is None else str(fault.body).encode() if as_text else orjson.dumps(fault.body)
    content_type = fault.content_type.encode() if fault.content_type else b"text/html" if as_text else JSON
    return _with_headers(Reply(fault.status, fault.body_base64 or body, content_type), fault)


def _with_headers(reply: Reply, fault: Fault | None) -> Reply:
    headers = fault.headers if fault else {}
    more = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return replace(reply, headers=reply.headers + more) if more else reply


async def _send(
    scope: Scope, send: Send, reply: Reply, headers: list[tuple[bytes, bytes]], fault: Fault | None
) -> None:
    transport = scope.get("extensions", {}).get(TRANSPORT)
    if fault is not None and fault.action == "drop" and transport is not None:
        transport.abort()
        return
    head = [(b"content-type", reply.content_type), *reply.headers, *headers]
    if reply.status != 204:
        head.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": head})
    if fault is not None and fault.action == "truncate" and transport is not None:
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.close()
        return
    await send({"type": "http.response.body", "body": reply.body})
