"""A portal without a network: a function's answers, for tests in which what goes over the wire has no part."""

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from coppermind_pipeline.hubspot import Answer, Transport
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, Request

_Listener = Callable[[], Awaitable[None]]


class InMemory(Transport):
    """Sends nothing; each request is answered at once."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        super().__init__("http://hubspot.invalid")
        self._answer = answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json_body: bytes | None = None,
        form: Mapping[str, str | SecretStr] | None = None,
        bearer: SecretStr | None = None,
        on_sent: _Listener | None = None,
        on_answered: _Listener | None = None,
    ) -> Answer:
        if on_sent:
            await on_sent()
        reply = self._answer(Request(method, path, dict(query or {}), {}, json_body or b""))
        if on_answered:
            await on_answered()
        return Answer(reply.status, reply.headers, reply.content)
