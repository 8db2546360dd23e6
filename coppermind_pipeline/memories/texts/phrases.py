"""Phrases: how texts name people, companies, places, amounts, days and sources."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from coppermind_pipeline.crm import Label, Labels, close_day, country_label, day_of, source_detail
from coppermind_pipeline.memories.texts.subjects import Named, Origin, Place, Subject
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import day, money, one_line, with_the

NAME_CHARS_MAX = 150
REASON_CHARS_MAX = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What texts need beside the record: the portal's labels, the zone of its reports, its currency, and the day.

    Attributes:
        today: in the zone; what lies before it has passed.
        loss_reason_property: the deal property that holds reasons of loss.
    """

    labels: Labels
    today: date
    zone: tzinfo = UTC
    company_currency: str | None = None
    loss_reason_property: str

    def day(self, moment: datetime) -> str:
        """Return the day of a moment in the portal's zone: "3 March 2026"."""
        return day(day_of(moment, self.zone))

    def close_day(self, moment: datetime) -> str:
        """Return the day of a close date, which may be a bare one."""
        return day(close_day(moment, self.zone))

    def has_passed(self, closes_at: datetime) -> bool:
        """Say whether the day of a close date is over."""
        return close_day(closes_at, self.zone) < self.today

    def source(self, origin: Origin) -> str:
        """Return a source with its drill-downs where they say something: "Paid Search (campaign Spring)"."""
        label = self.labels.source(origin.source)
        detail = source_detail(origin.source, origin.detail_1, origin.detail_2) if label.resolved else None
        return f"{label} ({name_line(detail)})" if detail else name_line(str(label))

    def original_source(self, subject: Subject) -> str | None:
        """Return where a contact or company came from; None where that is not known."""
        return None if subject.origin.source is None else f"Original source: {self.source(subject.origin)}"

    def owner(self, subject: Subject) -> str | None:
        """Return who looks after a record."""
        if subject.owner_id is None:
            return None
        return f"HubSpot owner: {name_line(str(self.labels.owner(subject.owner_id)))}"

    def money(self, amount: Decimal, currency: str | None, amount_home: Decimal | None) -> str:
        """Return an amount in its currency, and in the portal's own where that is another one."""
        text = money(amount, currency)
        if amount_home is None or self.company_currency is None or currency in {None, self.company_currency}:
            return text
        return f"{text} ({money(amount_home, self.company_currency)} in the portal's currency)"


def name_line(text: str) -> str:
    """Return what a person named something, on one line and cut with an ellipsis if it is long."""
    return one_line(text, NAME_CHARS_MAX)


@lru_cache(maxsize=1_024)
def place_phrase(place: Place) -> str | None:
    """Return "Austin, Texas, United States" as far as the parts are known; None where none is."""
    country = None
    if place.country_code is not None:
        country = country_label(place.country_code, place.country_text)
    elif place.country_text is not None:
        country = place.country_text
    parts = dict.fromkeys(name_line(part) for part in (place.city, place.region, country) if part)
    return ", ".join(parts) or None


def in_place(place: Place) -> str | None:
    """Return the same as it stands in a sentence: "in Austin, Texas, United States", "in the United States"."""
    phrase = place_phrase(place)
    if phrase is None:
        return None
    country_alone = place.country_code is not None and not (place.city or place.region)
    return f"in {with_the(phrase) if country_alone else phrase}"


def labelled(
    *facts: tuple[str, str | None, Callable[[ObjectType, str | None], Label]], object_type: ObjectType
) -> Iterable[str]:
    """Return "Lead status: In Progress" for each value that a record has."""
    for title, value, label_of in facts:
        if value is not None:
            yield f"{title}: {name_line(str(label_of(object_type, value)))}"


def joined(*sentences: str | None) -> str:
    """Join sentences; a period ends each that has no end of its own ("… at Acme Inc.")."""
    return " ".join(
        sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}." for sentence in sentences if sentence
    )


def company_phrase(company: Named) -> str:
    """Return "Acme GmbH (Berlin, Germany)"."""
    name = name_line(company.name) if company.name else "a company without a name"
    place = place_phrase(company.place)
    return f"{name} ({place})" if place else name


def person_phrase(person: Named) -> str:
    """Return "Jane Doe, Head of Marketing, in Berlin, Germany (Decision maker)"."""
    parts = [name_line(person.name) if person.name else "a person without a name"]
    if person.job_title:
        parts.append(name_line(person.job_title))
    if place := in_place(person.place):
        parts.append(place)
    labels = ", ".join(name_line(label) for label in person.labels)
    return ", ".join(parts) + (f" ({labels})" if labels else "")
