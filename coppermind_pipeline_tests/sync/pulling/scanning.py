"""One scan from its beginning to its end, and how many requests it took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr

from coppermind_pipeline.hubspot import HubSpotClient, SentRequest, Transport
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline.sync.pulling.scan import ScanPage, scan_modified
from coppermind_pipeline_tests.sync.reconciled import Unpaced

CONTACTS = ObjectType.CONTACTS
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
SINCE_MS = int(SINCE.timestamp()) * 1000
PAGE = 200


@dataclass(frozen=True)
class OneToken:
    value: str = "a-token"

    async def current(self) -> SecretStr:
        return SecretStr(self.value)

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        raise AssertionError("nothing here rejects a token")


@dataclass
class Scanned:
    """What a scan brought, and how."""

    pages: list[ScanPage] = field(default_factory=list)
    searches: int = 0
    lists: int = 0

    @property
    def ids(self) -> list[int]:
        """What it brought, doubles included, since it began anew where it did."""
        by_list = [page for page in self.pages if page.position.by_list]
        return [int(record.id) for page in by_list or self.pages for record in page.records]

    def note(self, sent: SentRequest) -> None:
        if sent.method == "GET":
            self.lists += 1
        else:
            self.searches += 1


async def scan(
    url: str = "http://hubspot.invalid",
    *,
    transport: Transport | None = None,
    token: str = "a-token",
    object_type: ObjectType = CONTACTS,
    start: Position = Position(),
    on_request: Callable[[SentRequest], None] = lambda _: None,
    until: Callable[[ScanPage], bool] = lambda _: False,
) -> Scanned:
    done = Scanned()

    def note(sent: SentRequest) -> None:
        done.note(sent)
        on_request(sent)

    async with HubSpotClient(url, OneToken(token), Unpaced(), on_request=note, transport=transport) as client:
        async for page in scan_modified(client, object_type, since=SINCE, properties=["email"], start=start):
            done.pages.append(page)
            if until(page):
                break
    return done
