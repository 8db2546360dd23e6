"""What all generated records agree on: ids, dates, who works where, and what a company is called.

Everything is computed from the seed and an index, so that a deal can name a company without any of them being
held in memory.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from coppermind_pipeline.sandbox.generated.words import (
    COMPANY_ENDS,
    COMPANY_FORMS,
    COMPANY_STARTS,
    PLACE_SHARES,
    PLACES,
    Place,
)
from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind
from coppermind_pipeline.sandbox.timestamps import DAY_MS

T = TypeVar("T")

HISTORY_MS = int(3.3 * 365 * DAY_MS)
#: The oldest records of a portal have short ids, the others long ones: sorted as text, they mix.
SHORT_ID_SHARE = 0.04
SOURCES = (
    ("ORGANIC_SEARCH",) * 22
    + ("DIRECT_TRAFFIC",) * 15
    + ("OFFLINE",) * 26
    + ("PAID_SEARCH",) * 12
    + ("REFERRALS",) * 7
    + ("EMAIL_MARKETING",) * 5
    + ("SOCIAL_MEDIA",) * 4
    + ("PAID_SOCIAL",) * 5
    + ("OTHER_CAMPAIGNS",) * 2
    + ("AI_REFERRALS",) * 2
)


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """What other records must know about a company."""

    name: str
    domain: str
    place: Place
    town: tuple[str, str, str]
    currency: str


@dataclass(frozen=True, slots=True)
class World:
    """One generated portal's constants."""

    seed: int
    contacts: int
    companies: int
    deals: int
    now_ms: int
    own_domain: str
    home_currency: str
    foreign_currency: str | None
    company: Callable[[int], CompanyFacts] = field(init=False)
    _sizes_and_bases: dict[str, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        # A cache per world: neighbouring contacts work for the same company.
        object.__setattr__(self, "company", lru_cache(maxsize=4096)(self._company))
        bases = {
            "contacts": (self.contacts, 101_400_000_000),
            "companies": (self.companies, 15_300_000_000),
            "deals": (self.deals, 9_800_000_000),
        }
        object.__setattr__(self, "_sizes_and_bases", bases)

    def rng(self, what: str) -> random.Random:
        """Return the random numbers of one kind of record."""
        return random.Random(f"{self.seed}/{what}")  # noqa: S311  (made-up records, not secrets)

    def record_id(self, kind: ObjectKind, index: int) -> int:
        """Return the id of a record: ascending with gaps, short for the oldest."""
        total, base = self._sizes_and_bases[kind.name]
        gap = (index * 7919 + self.seed * 31) % 37
        if index < total * SHORT_ID_SHARE:
            return 51 + index * 50 + gap
        return base + index * 41 + gap

    def created_ms(self, index: int, total: int, noise: float) -> int:
        """Return when a record was created: later with its index, if not strictly; `noise` is 0 to 1."""
        place = min(1.0, (index + 3 * noise) / max(total, 1))
        return self.now_ms - HISTORY_MS + int((HISTORY_MS - DAY_MS) * place) + int(noise * DAY_MS)

    def modified_ms(self, created_ms: int, touched: float, when: float) -> int:
        """Return when a record was last modified: a third were never touched again, the others any time since."""
        if touched < 0.35:
            return min(self.now_ms, created_ms + 1_000 + int(when * 600_000))
        return created_ms + int((self.now_ms - created_ms) * (1 - when * when))

    def company_of_contact(self, contact: int) -> int:
        """Return the company index of a contact: companies have blocks of contacts, the first ones larger blocks."""
        return min(self.companies - 1, int(self.companies * (contact / self.contacts) ** 1.3))

    def contacts_of_company(self, company: int) -> range:
        """Return the contact indexes of a company; may be empty."""
        start, end = (
            int(self.contacts * (edge / self.companies) ** (1 / 1.3))
            for edge in (company, min(company + 1, self.companies))
        )
        return range(start, min(end, self.contacts))

    def contact_source(self, contact: int) -> str | None:
        """Return the original source of a contact; about one in twelve has none."""
        mixed = mix(self.seed, contact)
        return None if mixed % 12 == 0 else SOURCES[(mixed >> 8) % len(SOURCES)]

    def _company(self, index: int) -> CompanyFacts:
        mixed = mix(self.seed + 17, index)
        start, mixed = part(mixed, COMPANY_STARTS)
        end, mixed = part(mixed, COMPANY_ENDS)
        form, mixed = part(mixed, COMPANY_FORMS)
        share, mixed = part(mixed, PLACE_SHARES)
        town, mixed = part(mixed, PLACES[share].towns)
        combinations = len(COMPANY_STARTS) * len(COMPANY_ENDS)
        number = f" {index // combinations + 1}" if index >= combinations else ""
        foreign = share != 0 and self.foreign_currency is not None and mixed % 5 < 3
        return CompanyFacts(
            name=f"{start}{end}{number}{form}",
            domain=f"{start}{end}{index}.example".lower(),
            place=PLACES[share],
            town=town,
            currency=(self.foreign_currency or self.home_currency) if foreign else self.home_currency,
        )


def mix(seed: int, index: int) -> int:
    """Scatter an index over 62 bits (the finalizer of splitmix64)."""
    z = (index + 1) * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (z ^ z >> 31) >> 2


def part(mixed: int, choices: Sequence[T]) -> tuple[T, int]:
    """Use up a part of a scattered number to choose."""
    rest, at = divmod(mixed, len(choices))
    return choices[at], rest
