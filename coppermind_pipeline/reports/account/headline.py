"""An account in a few sentences that can be quoted."""

from collections.abc import Sequence

from coppermind_pipeline.reports.account.models import AccountTotals, CompanyBlock, ContactPage, ContactRow
from coppermind_pipeline.reports.account.subject import Subject
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.figures.worth import worth
from coppermind_pipeline.wording import are, clock_with_zone, count, first_listed, listed, number

_PEOPLE_NAMED_MAX = 3


def account_headline(
    subject: Subject, *, company: CompanyBlock, contacts: ContactPage, totals: AccountTotals
) -> list[str]:
    """Return who is known at the company, and what was won, lost and is open, each with what it counts."""
    synced = subject.portal.last_pull_at
    when = "not read completely yet" if synced is None else f"as of {clock_with_zone(synced, subject.zone)}"
    return [_people(company, contacts), f"{_deals(totals)}; {when}."]


def called(company: CompanyBlock) -> str:
    """Return the company's name and domain, as far as it has them."""
    domain = f" ({company.domain})" if company.domain and company.domain != company.name else ""
    return f"{company.name or 'A company without a name'}{domain}"


def _people(company: CompanyBlock, contacts: ContactPage) -> str:
    if not contacts.total:
        return f"{called(company)}: no contact is known there."
    own = "" if contacts.own_company == contacts.total else f", {number(contacts.own_company)} of them its own people"
    named = _named(contacts.rows, contacts.total)
    return f"{called(company)}: {count(contacts.total, 'contact')} {are(contacts.total)} known{own}{named}."


def _named(rows: Sequence[ContactRow], total: int) -> str:
    """Return the first of them; those of other companies with what they are there."""
    people = [_person(row) for row in rows[:_PEOPLE_NAMED_MAX]]
    return f": {first_listed(people, total=total)}" if people else ""


def _person(row: ContactRow) -> str:
    about = [row.job_title, None if row.own_company or row.company is None else f"of {row.company}"]
    said = ", ".join(each for each in about if each)
    return f"{row.name or 'an unnamed person'}{f' ({said})' if said else ''}"


def _deals(totals: AccountTotals) -> str:
    parts = [
        _counted("won", totals.closed_won),
        _counted("lost", totals.closed_lost),
        _counted("open", totals.open),
    ]
    overdue = f" ({number(totals.overdue.deals)} overdue)" if totals.overdue.deals else ""
    return f"Deals whose primary company it is: {listed(parts)}{overdue}"


def _counted(outcome: str, deals: DealSum) -> str:
    return f"{number(deals.deals)} {outcome}{f' worth {worth(deals)}' if deals.deals else ''}"
