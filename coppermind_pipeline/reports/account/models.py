"""The answer about one account as every interface shows it; the order of the fields is part of it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.memories import FoundBy, MemoryType, Sensitivity
from coppermind_pipeline.reports.account.request import AccountDealPlace, ContactPlace
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.trust.block import TrustBlock


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class AccountAudit(_Part):
    """What to know before the rest; `caveats` is empty where there is nothing to say."""

    caveats: list[str]
    audience: Literal["internal", "client"]
    include_filtered: bool
    timezone: str
    generated_at: datetime
    left_out: list[LeftOut] = Field(default=[], description="what the answer had no room for, and how to get it")


class CompanyBlock(_Part):
    """The company. What a client is not to read is null for one: ids, owner, link.

    `referenced_only`: older than the window, and read because a deal is linked to it.
    """

    company_id: str | None
    connector_id: str | None
    name: str | None
    domain: str | None
    place: str | None
    industry: str | None
    lifecycle_stage: str | None
    lead_status: str | None
    owner: str | None
    created_at: datetime | None
    last_change: datetime | None
    referenced_only: bool
    is_filtered: bool
    link: str | None


class CompanyChoice(_Part):
    """One of several companies that may be meant; ask again with its id as company, and its connector_id."""

    company_id: str | None
    connector_id: str | None
    name: str | None
    domain: str | None
    place: str | None
    deals: int
    link: str | None


class ContactsDeal(_Part):
    """A deal that ties a contact to the company; `of_other_company`: its primary company is another one."""

    deal_id: str
    name: str | None
    outcome: Literal["won", "lost", "open"]
    labels: list[str]
    of_other_company: bool


class ContactRow(_Part):
    """Somebody who is known at the company.

    `own_company`: the contact's own primary company is this one; else `company` is what HubSpot has as its company.
    `deals` are the first of `deals_total` that tie the contact to the company.
    """

    contact_id: str
    name: str | None
    job_title: str | None
    email: str | None
    lifecycle_stage: str
    owner: str
    last_change: datetime | None
    own_company: bool
    company: str | None
    deals_total: int
    deals: list[ContactsDeal]
    referenced_only: bool
    is_filtered: bool
    link: str | None


class ContactPage(_Part):
    """A page of the contacts: those on its open deals first, then on its others, then the rest of its own people.

    Last come those who are tied to it by another company's deal alone. `rows` is empty for a client.
    """

    total: int
    own_company: int = Field(description="of these, contacts whose own primary company it is")
    by_deals_alone: int
    writing_its_name: int = Field(description="besides: contacts without a company in HubSpot that write its name")
    rows: list[ContactRow]
    next_cursor: str | None


class AccountDealRow(_Part):
    """A deal with the company. `in_totals` is false where its primary company is another: `primary_company`.

    `loss_reason` is null where none is given, or where a client reads it; `loss_theme` is what it is about.
    """

    deal_id: str | None
    name: str | None
    outcome: Literal["won", "lost", "open"]
    stage: str
    pipeline: str
    owner: str | None
    amount: str | None
    currency: str | None
    amount_home: str | None
    close_date: date | None
    overdue: bool
    loss_reason: str | None
    loss_theme: str | None
    in_totals: bool
    primary_company: str | None
    is_filtered: bool
    last_change: datetime | None
    link: str | None


class AccountDealPage(_Part):
    """A page of the deals: its own before those of other companies; open, won, lost; the latest close date first."""

    total: int
    outside_totals: int = Field(description="of these, deals whose primary company is another")
    rows: list[AccountDealRow]
    next_cursor: str | None


class AccountTotals(_Part):
    """All deals whose primary company it is, whatever their dates; `overdue` are open ones past their close date."""

    closed_won: DealSum
    closed_lost: DealSum
    open: DealSum
    overdue: DealSum
    lost_without_reason: int


class AccountMemory(_Part):
    """What is remembered of the company or of a record that this answer shows."""

    memory_id: int
    type: MemoryType
    sensitivity: Sensitivity
    content: str
    source_ref: str
    as_of: datetime | None


class Account(_Part):
    """One account, or the companies to choose from, or what was not found.

    `contacts`, `deals`, `totals` are null where no single company is meant; with a cursor, the list that it does not
    speak of is, too. `memories_left_out`: that many more are remembered of the records shown.
    """

    trust: TrustBlock
    audit: AccountAudit
    headline: list[str]
    found_by: FoundBy | None = Field(description="words: no company is called so, it has all the words in its name")
    company: CompanyBlock | None
    choices: list[CompanyChoice]
    totals: AccountTotals | None
    contacts: ContactPage | None
    deals: AccountDealPage | None
    memories: list[AccountMemory]
    memories_left_out: int


class PlacedAccount(Account):
    """An account with the places of its rows, which is what cursors are made of; no part of its JSON."""

    contact_places: list[ContactPlace] = Field(default=[], exclude=True)
    more_contacts: bool = Field(default=False, exclude=True)
    deal_places: list[AccountDealPlace] = Field(default=[], exclude=True)
    more_deals: bool = Field(default=False, exclude=True)


class RenderedAccount(_Part):
    """An account in a format other than json, behind what is to be known before it."""

    trust: TrustBlock
    caveats: list[str]
    left_out: list[LeftOut]
    format: Literal["markdown"]
    content: str
