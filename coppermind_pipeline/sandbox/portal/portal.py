"""One HubSpot account: its settings, its records, and the limits that hold in it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.sandbox.clock import Clock
from coppermind_pipeline.sandbox.config import Switches
from coppermind_pipeline.sandbox.limits import Budgets
from coppermind_pipeline.sandbox.portal.association_store import AssociationStore
from coppermind_pipeline.sandbox.portal.definitions import Definitions
from coppermind_pipeline.sandbox.portal.object_kinds import OBJECT_KINDS, ObjectKind
from coppermind_pipeline.sandbox.portal.owners import Owner
from coppermind_pipeline.sandbox.portal.pipelines import Pipelines, lifecycle_pipeline
from coppermind_pipeline.sandbox.portal.record_store import RecordStore


@dataclass(frozen=True, slots=True)
class Account:
    """A portal's settings as the account details tell them."""

    time_zone: str = "US/Eastern"
    company_currency: str = "USD"
    additional_currencies: tuple[str, ...] = ()
    ui_domain: str = "app.hubspot.com"
    account_type: str = "STANDARD"

    def document(self, hub_id: int, now_ms: int) -> dict[str, Any]:
        """Spell it as the API does: the offset is today's."""
        offset = self._local(now_ms).utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset else 0
        hours, rest = divmod(abs(minutes), 60)
        return {
            "portalId": hub_id,
            "accountType": self.account_type,
            "timeZone": self.time_zone,
            "companyCurrency": self.company_currency,
            "additionalCurrencies": list(self.additional_currencies),
            "utcOffset": f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": self.ui_domain,
            "dataHostingLocation": "eu1" if "eu1" in self.ui_domain else "na1",
        }

    def day(self, now_ms: int) -> str:
        """Return the day of an instant in the portal's zone, to which its daily limit goes by."""
        return self._local(now_ms).date().isoformat()

    def _local(self, now_ms: int) -> datetime:
        return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(self.time_zone))


@dataclass(slots=True)
class Portal:
    """One account with everything in it; only the server's event loop touches it."""

    hub_id: int
    clock: Clock
    account: Account
    switches: Switches
    budgets: Budgets
    records: RecordStore = field(default_factory=RecordStore)
    associations: AssociationStore = field(init=False)
    pipelines: Pipelines = field(default_factory=Pipelines)
    definitions: dict[ObjectKind, Definitions] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    #: Ids that are gone for good, and how: `erased` or `purged`.
    gone: dict[tuple[str, int], str] = field(default_factory=dict)
    uninstalled: bool = False
    _jitter: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.associations = AssociationStore(self.records)
        self._jitter = random.Random(self.hub_id)  # noqa: S311  (a delay, not a secret)
        for kind in OBJECT_KINDS:
            self.definitions.setdefault(kind, Definitions(kind, ()))
            if kind.name != "deals":
                self.pipelines.put(kind, [lifecycle_pipeline(kind)])

    @property
    def hub_domain(self) -> str:
        """The name by which people know the portal."""
        return f"portal-{self.hub_id}.example"

    def put_owners(self, owners: list[Owner]) -> None:
        """Replace all owners."""
        self.owners = {owner.id: owner for owner in owners}

    def visible_at_ms(self) -> int | None:
        """Return when search sees an edit made now; None where it does so at once."""
        delay, jitter = self.switches.index_delay_ms, self.switches.index_jitter_ms
        if not delay and not jitter:
            return None
        return self.clock.now_ms() + delay + self._jitter.randint(0, jitter)

    def survivor(self, kind: ObjectKind, record_id: int) -> int:
        """Follow merges from an id to the record that lives on."""
        seen = record_id
        while (found := self.records.read_one(kind, seen)) and found.merged_into is not None:
            seen = found.merged_into
        return seen

    def close(self) -> None:
        """Delete the portal's file."""
        self.records.close()
