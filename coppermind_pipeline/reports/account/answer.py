"""The answer about one account: finds the company, asks for each part of it, and says how far that can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.catalog import load_labels
from coppermind_pipeline.memories import (
    FoundBy,
    FoundCompanies,
    FoundCompany,
    Memory,
    find_companies,
    memories_of_refs,
    record_ref,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.account.caveats import account_caveats
from coppermind_pipeline.reports.account.companies import company_block, company_choices
from coppermind_pipeline.reports.account.contacts import contacts_of
from coppermind_pipeline.reports.account.deals import deals_of
from coppermind_pipeline.reports.account.headline import account_headline
from coppermind_pipeline.reports.account.models import AccountAudit, AccountMemory, PlacedAccount
from coppermind_pipeline.reports.account.request import AccountDealPlace, AccountRequest, ContactPlace
from coppermind_pipeline.reports.account.subject import Subject
from coppermind_pipeline.reports.sizing.cursors import GoesOn, has_list, list_after
from coppermind_pipeline.reports.trust.block import TrustBlock, trust_in
from coppermind_pipeline.reports.trust.caveats import PortalFindings, portal_caveats
from coppermind_pipeline.reports.trust.for_client import portal_for_client, trust_for_client
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import listed

CONTACTS_MAX = 25
DEALS_MAX = 25
MEMORIES_MAX = 6

_UTC = ZoneInfo("UTC")
_LABELLED = ("lifecyclestage", "hs_lead_status", "industry")


def account(
    database: Database, *, mind: Mind, request: AccountRequest, now: datetime, goes_on: GoesOn | None = None
) -> PlacedAccount:
    """Return what is known of a company of the mind, or the companies that it is to be chosen from.

    Args:
        now: aware; what is overdue and stale is judged by.
        goes_on: of which list this is another page; the other is left out then.

    Raises:
        ConnectorNotFound: the mind has no such connector.
    """
    with database.mind(mind.id) as connection:
        found = find_companies(
            connection,
            request.company,
            connector_id=request.connector_id,
            include_filtered=request.include_filtered,
        )
        answering = _Answering(connection, mind, request, now, goes_on)
        return answering.choice(found) if found.one is None else answering.account(found.by, found.one)


@dataclass(frozen=True, slots=True)
class _Answering:
    """One answer in the making: what every part of it asks for."""

    connection: Connection
    mind: Mind
    request: AccountRequest
    now: datetime
    goes_on: GoesOn | None

    def account(self, found_by: FoundBy, found: FoundCompany) -> PlacedAccount:
        (portal,) = load_portals(self.connection, connector_ids=[found.connector_id])
        subject = self._subject(found, portal)
        contacts = contacts_of(subject, after=list_after(ContactPlace, self.goes_on), rows_max=CONTACTS_MAX)
        deals = deals_of(subject, after=list_after(AccountDealPlace, self.goes_on), rows_max=DEALS_MAX)
        company = company_block(subject)
        caveats = account_caveats(
            subject,
            found_by=found_by,
            company=company,
            contacts=contacts.page,
            contacts_left_out=contacts.left_out,
            deals=deals,
        )
        shows_contacts = has_list(ContactPlace, self.goes_on)
        shows_deals = has_list(AccountDealPlace, self.goes_on)
        remembered = self._remembered(
            subject,
            [(ObjectType.DEALS, row.deal_id) for row in deals.page.rows if shows_deals],
            [(ObjectType.CONTACTS, row.contact_id) for row in contacts.page.rows if shows_contacts],
        )
        return PlacedAccount(
            trust=self._trust([portal]),
            audit=self._audit(caveats, subject.zone),
            headline=account_headline(subject, company=company, contacts=contacts.page, totals=deals.totals),
            found_by=found_by,
            company=company,
            choices=[],
            totals=deals.totals,
            contacts=contacts.page if shows_contacts else None,
            deals=deals.page if shows_deals else None,
            memories=[_memory(each) for each in remembered[:MEMORIES_MAX]],
            memories_left_out=len(remembered[MEMORIES_MAX:]),
            contact_places=contacts.places if shows_contacts else [],
            more_contacts=shows_contacts and contacts.more,
            deal_places=deals.places if shows_deals else [],
            more_deals=shows_deals and deals.more,
        )

    def choice(self, found: FoundCompanies) -> PlacedAccount:
        """Answer where no single company is meant: with those that may be, or with what is not there."""
        wanted = None if self.request.connector_id is None else [self.request.connector_id]
        portals = load_portals(self.connection, connector_ids=wanted)
        shown = [self._shown(portal) for portal in portals]
        zones = {portal.reported_in for portal in portals}
        zone = (zones.pop() if len(zones) == 1 else None) or _UTC
        # One by one: nothing here is added up over several portals.
        caveats = [
            caveat
            for each in shown or [None]
            for caveat in portal_caveats(
                PortalFindings(portals=[each] if each is not None else [], now=self.now, zone=zone)
            )
        ]
        offered = found.companies or found.left_out
        choices = company_choices(
            self.connection,
            offered,
            portals=load_portals(self.connection, connector_ids=[each.connector_id for each in offered]),
            for_client=self.request.for_client,
        )
        return PlacedAccount(
            trust=self._trust(portals),
            audit=self._audit(list(dict.fromkeys(caveats)), zone),
            headline=[self._not_one(found)],
            found_by=found.by if offered else None,
            company=None,
            choices=choices,
            totals=None,
            contacts=None,
            deals=None,
            memories=[],
            memories_left_out=0,
        )

    def _not_one(self, found: FoundCompanies) -> str:
        """Return what was not found, and what to do about it."""
        asked = self.request.company
        names = listed([each.called for each in found.companies])
        if self.request.for_client and found.companies and found.by is not FoundBy.LIKENESS:
            return f"Several companies may be meant: {names}. Ask again with the domain of the one that is meant."
        if found.left_out:
            left_out = listed([each.called for each in found.left_out])
            return f"The connector's filters leave out {left_out}; ask with include_filtered to see it."
        if not found.companies:
            return f"This mind has no company “{asked}”. Give its name, its domain or its HubSpot id."
        if found.by is FoundBy.LIKENESS:
            return f"This mind has no company “{asked}”. Did you mean {names}?"
        more = " and more, of which a domain or an id says which is meant" if found.more else ""
        return f"“{asked}” may be any of {names}{more}. Ask again with the company_id of the one that is meant."

    def _subject(self, found: FoundCompany, portal: SyncedPortal) -> Subject:
        named = (*_LABELLED, portal.config.hubspot_loss_reason_property)
        return Subject(
            connection=self.connection,
            portal=self._shown(portal),
            company_id=found.hubspot_id,
            labels=load_labels(self.connection, portal.connector_id, properties=named),
            zone=portal.reported_in or _UTC,
            now=self.now,
            include_filtered=self.request.include_filtered,
            for_client=self.request.for_client,
        )

    def _shown(self, portal: SyncedPortal) -> SyncedPortal:
        return portal_for_client(portal) if self.request.for_client else portal

    def _trust(self, portals: Sequence[SyncedPortal]) -> TrustBlock:
        trust = trust_in(self.connection, portals, mind=self.mind, now=self.now)
        return trust_for_client(trust) if self.request.for_client else trust

    def _audit(self, caveats: list[str], zone: ZoneInfo) -> AccountAudit:
        return AccountAudit(
            caveats=caveats,
            audience="client" if self.request.for_client else "internal",
            include_filtered=self.request.include_filtered,
            timezone=zone.key,
            generated_at=self.now,
        )

    def _remembered(self, subject: Subject, *records: Sequence[tuple[ObjectType, Any]]) -> list[Memory]:
        """Return what is remembered of the company and of the records shown; nothing for a client.

        Texts name people and owners, and those of deals are sensitive.
        """
        if self.request.for_client:
            return []
        keys = [(ObjectType.COMPANIES, subject.company_id), *(key for each in records for key in each)]
        refs = [record_ref(subject.portal.connector_id, object_type, hubspot_id) for object_type, hubspot_id in keys]
        return memories_of_refs(self.connection, refs)


def _memory(memory: Memory) -> AccountMemory:
    return AccountMemory(
        memory_id=memory.id,
        type=memory.type,
        sensitivity=memory.sensitivity,
        content=memory.content,
        source_ref=memory.source_ref,
        as_of=memory.provenance.as_of,
    )
