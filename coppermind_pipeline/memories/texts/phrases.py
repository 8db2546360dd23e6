"""Phrases: how texts name people, companies, places, amounts, days and sources."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from coppermind_pipeline.crm import Labels, close_day, country_label, day_of, source_detail
from coppermind_pipeline.memories.texts.subjects import Named, Origin, Place
from coppermind_pipeline.wording import day, money, one_line

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

    def money(self, amount: Decimal, currency: str | None, amount_home: Decimal | None) -> str:
        """Return an amount in its currency, and in the portal's own where that is another one."""
        text = money(amount, currency)
        if amount_home is None or self.company_currency is None or currency in {None, self.company_currency}:
            return text
        return f"{text} ({money(amount_home, self.company_currency)} in the portal's currency)"


def name_line(text: str) -> str:
    """Return what a person named something, on one line and cut with an ellipsis if it is long."""
    return one_line(text, NAME_CHARS_MAX)


def place_phrase(place: Place) -> str | None:
    """Return "Austin, Texas, United States" as far as the parts are known; None where none is."""
    country = None
    if place.country_code is not None:
        country = country_label(place.country_code, place.country_text)
    elif place.country_text is not None:
        country = place.country_text
    parts = dict.fromkeys(name_line(part) for part in (place.city, place.region, country) if part)
    return ", ".join(parts) or None


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
    if place := place_phrase(person.place):
        parts.append(f"in {place}")
    labels = ", ".join(name_line(label) for label in person.labels)
    return ", ".join(parts) + (f" ({labels})" if labels else "")
