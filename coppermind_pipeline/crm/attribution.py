"""Attribution of a deal: its primary company and lead contact, and where its source and place come from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from coppermind_pipeline.crm.values import id_order
from coppermind_pipeline.object_types import ObjectType

SourceStep = Literal["deal", "contact", "company"]

# HubSpot's association type "deal to primary company"; it comes beside the plain type 341.
PRIMARY_COMPANY_TYPE_ID = 5

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A deal's association with a contact or company, and what that record contributes.

    `is_primary`: the association carries type 5. The rest is the linked record's own.
    """

    to_type: ObjectType
    to_id: str
    is_primary: bool = False
    created_at: datetime | None = None
    source: str | None = None
    filtered_reason: str | None = None
    country_code: str | None = None
    country_text: str | None = None
    region: str | None = None
    city: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Whom a deal belongs to; `source` None is "Unknown source", and `source_step` says which rule gave it."""

    primary_company_id: str | None = None
    lead_contact_id: str | None = None
    source: str | None = None
    source_step: SourceStep | None = None
    country_code: str | None = None
    country_text: str | None = None
    region: str | None = None
    city: str | None = None


def attribute(deal_source: str | None, links: Sequence[Link]) -> Attribution:
    """Attribute a deal from its own source and its current links, in any order.

    Source: the deal's own, else that of the earliest-created unfiltered contact that has one, else the primary
    company's. Place: the primary company's, else the lead contact's, always of one record alone. A filtered contact
    gives neither.
    """
    company = _primary_company([link for link in links if link.to_type is ObjectType.COMPANIES])
    contacts = [link for link in links if link.to_type is ObjectType.CONTACTS and link.filtered_reason is None]
    lead = _earliest(contacts)
    source, step = _source(deal_source, contacts, company)
    place = _place(company, lead)
    return Attribution(
        primary_company_id=company.to_id if company is not None else None,
        lead_contact_id=lead.to_id if lead is not None else None,
        source=source,
        source_step=step,
        country_code=place.country_code if place is not None else None,
        country_text=place.country_text if place is not None else None,
        region=place.region if place is not None else None,
        city=place.city if place is not None else None,
    )


def _primary_company(companies: Iterable[Link]) -> Link | None:
    """Return the company of association type 5, else the one with the lowest id (which a single one has, too)."""
    return min(companies, key=lambda link: (not link.is_primary, id_order(link.to_id)), default=None)


def _earliest(contacts: Iterable[Link]) -> Link | None:
    return min(contacts, key=lambda link: (link.created_at or _NEVER, id_order(link.to_id)), default=None)


def _source(
    deal_source: str | None, contacts: Iterable[Link], company: Link | None
) -> tuple[str | None, SourceStep | None]:
    if deal_source:
        return deal_source, "deal"
    contact = _earliest(link for link in contacts if link.source)
    if contact is not None:
        return contact.source, "contact"
    if company is not None and company.source:
        return company.source, "company"
    return None, None


def _place(company: Link | None, lead: Link | None) -> Link | None:
    """Return the record that places the deal: the first with a country, else the first with a region or city."""
    candidates = [link for link in (company, lead) if link is not None]
    with_country = (link for link in candidates if link.country_code or link.country_text)
    with_any = (link for link in candidates if link.region or link.city)
    return next(with_country, None) or next(with_any, None)
