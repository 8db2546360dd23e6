"""What a reader must know before anything that is said of an account."""

from collections.abc import Iterable

from coppermind_pipeline.crm import day_of
from coppermind_pipeline.memories import FoundBy
from coppermind_pipeline.reports.account.deals import AccountDeals
from coppermind_pipeline.reports.account.models import CompanyBlock, ContactPage
from coppermind_pipeline.reports.account.subject import Subject
from coppermind_pipeline.reports.trust.caveats import PortalFindings, portal_caveats
from coppermind_pipeline.reports.trust.for_client import FOR_CLIENT
from coppermind_pipeline.wording import agreeing, are, count, day, have, listed, number


def account_caveats(
    subject: Subject,
    *,
    found_by: FoundBy,
    company: CompanyBlock,
    contacts: ContactPage,
    contacts_left_out: int,
    deals: AccountDeals,
) -> list[str]:
    """Return the caveats, most important first; one is always there, of what is not read."""
    portal = PortalFindings(portals=[subject.portal], now=subject.now, zone=subject.zone)
    return [
        *portal_caveats(portal),
        *_company(found_by, company),
        *_coverage(subject),
        *_filters(subject, contacts_left_out=contacts_left_out, deals_left_out=deals.left_out),
        *_deals(deals),
        *_contacts(contacts),
        *_reading(subject),
    ]


def _company(found_by: FoundBy, company: CompanyBlock) -> Iterable[str]:
    name = company.name or "This company"
    if found_by is FoundBy.WORDS:
        yield f"No company is called exactly that; {name} is the only one with a memory that has the words in its name."
    if company.is_filtered:
        yield f"The connector's filters leave {name} out; it is shown, as asked."


def _coverage(subject: Subject) -> Iterable[str]:
    if subject.portal.since is not None:
        yield (
            f"Records last changed before {day(day_of(subject.portal.since, subject.zone))} were not read, but for the "
            "contacts and companies of later deals."
        )
    if subject.portal.reported_in is None:
        yield "The portal's time zone is not known, so that days are those of UTC."


def _filters(subject: Subject, *, contacts_left_out: int, deals_left_out: int) -> Iterable[str]:
    if subject.include_filtered:
        yield "Records that the configured filters leave out are shown and counted, as asked."
    left_out = [count(n, noun) for n, noun in ((contacts_left_out, "contact"), (deals_left_out, "deal")) if n]
    if left_out:
        total = contacts_left_out + deals_left_out
        yield f"{listed(left_out)} of this company {are(total)} left out by the connector's filters."


def _deals(deals: AccountDeals) -> Iterable[str]:
    outside = deals.page.outside_totals
    if outside:
        yield (
            f"{count(outside, 'deal')} {have(outside)} another primary company and {are(outside)} outside the totals."
        )
    currencies = {
        amount.currency
        for each in (deals.totals.closed_won, deals.totals.closed_lost, deals.totals.open)
        for amount in each.amounts
    }
    if len(currencies) > 1:
        yield f"Amounts are in {number(len(currencies))} currencies, which are not added up."
    elif currencies == {None}:
        yield "Neither the deals nor the portal say in which currency the amounts are."
    for each, noun in (
        (deals.totals.closed_won, "won deal"),
        (deals.totals.closed_lost, "lost deal"),
        (deals.totals.open, "open deal"),
    ):
        if each.without_amount:
            yield f"{number(each.without_amount)} of {count(each.deals, noun)} {have(each.without_amount)} no amount."
    if deals.disagreeing:
        yield (
            f"{count(deals.disagreeing, 'deal')} {are(deals.disagreeing)} marked otherwise by HubSpot's own properties "
            "than by the stage, which decides."
        )


def _contacts(contacts: ContactPage) -> Iterable[str]:
    named = contacts.writing_its_name
    if named:
        yield (
            f"{count(named, 'more contact')} {agreeing(named, 'writes', 'write')} this company's name without being "
            f"associated with it in HubSpot; {agreeing(named, 'it is', 'they are')} not listed."
        )
    yield "Contacts that are tied to it by a secondary company link alone are not read."


def _reading(subject: Subject) -> Iterable[str]:
    if subject.for_client:
        yield FOR_CLIENT
