"""Random portals with what makes an account hard to tell: namesakes, merges, filters, old records, shared deals.

Whatever is written of a record is kept beside what it means, so that the recount needs none of the product's rules.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from coppermind_pipeline.sandbox import ControlClient, ObjectType

DAY_MS = 86_400_000
YEARS_AGO_MS = 1_200 * DAY_MS

EXCLUDED_DOMAIN = "intern.example"
CONFIG: dict[str, Any] = {
    "hubspot_excluded_email_domains": [EXCLUDED_DOMAIN],
    "hubspot_property_filters": {"deals": {"dealtype": "newbusiness"}, "companies": {"city": ["Ulm", "Bern"]}},
}

# As written, and as meant; names that say nothing give way to the domain.
COMPANY_NAMES = (
    ("Acme Inc.", "Acme Inc."), ("ACME inc.", "ACME inc."), ("Globex", "Globex"), ("n/a", None), ("-", None),
    ("Test", None), ("Initech Ltd", "Initech Ltd"), (None, None),
)  # fmt: skip
DOMAINS = (
    ("Acme.example", "acme.example"), ("www.acme.example", "acme.example"),
    ("https://Globex.example/de", "globex.example"), ("initech.example", "initech.example"), (None, None),
    ("localhost", None),
)  # fmt: skip
WRITTEN_COMPANIES = (
    ("acme INC.", "acme INC."),
    ("Globex", "Globex"),
    ("n/a", None),
    (None, None),
    ("Freelance", "Freelance"),
)
REASONS = (
    ("Far too expensive, says Zebulon", True),
    ("other", False),
    ("n/a", False),
    (None, False),
    ("Quibbling Zebulon", True),
)
STAGES = {"appointmentscheduled": "open", "contractsent": "open", "closedwon": "won", "closedlost": "lost"}
OWNERS = {"501001": "Wilhelmina Ownersdottir", "501002": "Oswin Besitzer"}
_KINDS: tuple[ObjectType, ...] = ("companies", "companies", "contacts", "deals")
LABELS = ("Decision maker", "Blocker", None)


@dataclass(slots=True)
class MadePortal:
    """One portal in the making; what its records mean, by type and id, and which are live."""

    control: ControlClient
    random: Random
    hub_id: int
    meant: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"contacts": {}, "companies": {}, "deals": {}}
    )
    live: dict[str, set[str]] = field(default_factory=lambda: {"contacts": set(), "companies": set(), "deals": set()})
    first_id: int = 700_000_001

    def fill(self) -> None:
        """Add records of each type, and their associations."""
        self.control.set_owners(
            [{"id": owner, "firstName": name.split()[0], "lastName": name.split()[1], "email": f"{owner}@own.example"}
             for owner, name in OWNERS.items()],
            hub_id=self.hub_id,
        )  # fmt: skip
        for number in range(self.random.randrange(3, 9)):
            self._company(self.first_id + number)
        for number in range(self.random.randrange(4, 14)):
            self._contact(self.first_id + 1_000 + number, number)
        for number in range(self.random.randrange(3, 12)):
            self._deal(self.first_id + 2_000 + number, number)

    def happen(self) -> None:
        """Merge or archive something, or tie something new."""
        kind: ObjectType = self.random.choice(_KINDS)
        live = sorted(self.live[kind])
        what = self.random.choice(("merge", "merge", "archive", "associate"))
        if what == "merge" and kind != "deals" and len(live) > 1:
            self._merge(kind, *self.random.sample(live, 2))
        elif what == "archive" and live:
            gone = self.random.choice(live)
            self.control.archive(kind, [gone], hub_id=self.hub_id)
            self.live[kind].remove(gone)
        elif self.live["deals"]:
            self._tie(self.random.choice(sorted(self.live["deals"])))

    def _merge(self, kind: ObjectType, primary: str, other: str) -> None:
        survivor = self.control.merge(kind, primary, other, hub_id=self.hub_id)
        said = {name: value for name, value in self.meant[kind][primary].items() if value[0] is not None}
        self.meant[kind][survivor] = self.meant[kind][other] | said
        self.live[kind] = self.live[kind] - {primary, other} | {survivor}

    def _company(self, record_id: int) -> None:
        values = {
            "name": self.random.choice(COMPANY_NAMES),
            "domain": self.random.choice(DOMAINS),
            "city": self._plain("Ulm", "Bern", "Ulm", "Paris", None),
            "hubspot_owner_id": self._owner(),
            "lifecyclestage": self._plain("lead", "customer", None),
        }
        self._create("companies", record_id, values)

    def _contact(self, record_id: int, number: int) -> None:
        companies = sorted(self.meant["companies"])
        domain = self.random.choice(("mail.example", "mail.example", f"eu.{EXCLUDED_DOMAIN}", EXCLUDED_DOMAIN))
        values = {
            "firstname": (f"Quorinda{number}", f"Quorinda{number}"),
            "lastname": self._plain("Belphegor", None),
            "email": (f"Quor{number}@{domain}", f"quor{number}@{domain}"),
            "jobtitle": self.random.choice((("Chief Wombat", "Chief Wombat"), ("n/a", None), (None, None))),
            "company": self.random.choice(WRITTEN_COMPANIES),
            "associatedcompanyid": self._plain(*companies, *companies, None, "799999999"),
            "lifecyclestage": self._plain("lead", "customer", None),
            "hubspot_owner_id": self._owner(),
        }
        self._create("contacts", record_id, values)

    def _deal(self, record_id: int, number: int) -> None:
        stage = self.random.choice(list(STAGES))
        day = self.random.choice(("2024-05-01T00:00:00Z", "2026-02-28T23:30:00Z", "2031-01-01T03:00:00Z", None))
        values = {
            "dealname": self._plain(f"Quorinda{number}'s order", None),
            "dealstage": (stage, STAGES[stage]),
            "pipeline": ("default", "default"),
            "amount": self._plain("1000", "250.5", None, "0"),
            "deal_currency_code": self._plain("USD", "EUR", None),
            "closedate": (day, day),
            "dealtype": self._plain("newbusiness", "newbusiness", "existingbusiness", None),
            "closed_lost_reason": self.random.choice(REASONS),
            "hubspot_owner_id": self._owner(),
        }
        self._create("deals", record_id, values, may_be_old=False)
        for _ in range(self.random.randrange(4)):
            self._tie(str(record_id))

    def _tie(self, deal: str) -> None:
        kind: ObjectType = self.random.choice(("companies", "contacts"))
        live = sorted(self.live[kind])
        if live:
            label = self.random.choice(("Primary", None) if kind == "companies" else LABELS)
            self.control.associate(("deals", deal), (kind, self.random.choice(live)), label=label, hub_id=self.hub_id)

    def _create(
        self, kind: ObjectType, record_id: int, values: dict[str, tuple[Any, Any]], *, may_be_old: bool = True
    ) -> None:
        is_old = may_be_old and self.random.random() < 0.3
        at_ms = self.control.now_ms() - (YEARS_AGO_MS if is_old else self.random.randrange(300) * DAY_MS)
        written = {name: value for name, (value, _) in values.items() if value is not None}
        made = self.control.create(kind, written, record_id=record_id, at_ms=at_ms, hub_id=self.hub_id)
        self.meant[kind][made] = values
        self.live[kind].add(made)

    def _plain(self, *values: str | None) -> tuple[str | None, str | None]:
        value = self.random.choice(values)
        return value, value

    def _owner(self) -> tuple[str | None, str | None]:
        return self._plain(*OWNERS, None)
