"""What the texts speak of: records with all that they name, as values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from coppermind_pipeline.crm import Outcome, SourceStep
from coppermind_pipeline.object_types import ObjectType


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record is; each part as far as it is known."""

    city: str | None = None
    region: str | None = None
    country_code: str | None = None
    country_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A record's original source, in HubSpot's internal values."""

    source: str | None = None
    detail_1: str | None = None
    detail_2: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Why a record may have no memory, whatever it says."""

    archived_reason: str | None = None
    filtered_reason: str | None = None
    referenced_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What records of all three types have. Enumerations and ids are HubSpot's internal values."""

    object_type: ObjectType
    hubspot_id: str
    read_at: datetime
    standing: Standing = Standing()
    created_at: datetime | None = None
    name: str | None = None
    owner_id: str | None = None
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Subject):
    """A contact."""

    object_type: ObjectType = ObjectType.CONTACTS
    place: Place = Place()
    lifecycle_stage: str | None = None
    lead_status: str | None = None
    email: str | None = None
    job_title: str | None = None
    company_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(Subject):
    """A company; `employees` and `annual_revenue` are HubSpot's texts."""

    object_type: ObjectType = ObjectType.COMPANIES
    place: Place = Place()
    lifecycle_stage: str | None = None
    lead_status: str | None = None
    domain: str | None = None
    industry: str | None = None
    employees: str | None = None
    annual_revenue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A record that a deal's text names; `labels` are those of the association, as people gave them."""

    name: str | None = None
    job_title: str | None = None
    place: Place = Place()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal(Subject):
    """A deal with the company and the contacts that its text names.

    Attributes:
        outcome, late_stage: as decided when the record was normalized.
        source_step: which record its attributed source comes from; `origin` holds that source, with details where it is
            the deal's own.
        company: its primary company.
        other_companies, contacts: the first few, in the order in which they are named.
        companies_count, contacts_count: how many there are in all, the primary company included.
    """

    object_type: ObjectType = ObjectType.DEALS
    amount: Decimal | None = None
    currency: str | None = None
    amount_home: Decimal | None = None
    pipeline_id: str | None = None
    stage_id: str | None = None
    outcome: Outcome = "open"
    late_stage: bool = False
    probability: Decimal | None = None
    stage_probability: Decimal | None = None
    close_at: datetime | None = None
    entered_stage_at: datetime | None = None
    loss_reason: str | None = None
    won_reason: str | None = None
    deal_type: str | None = None
    source_step: SourceStep | None = None
    company: Named | None = None
    other_companies: tuple[Named, ...] = ()
    contacts: tuple[Named, ...] = ()
    companies_count: int = 0
    contacts_count: int = 0
