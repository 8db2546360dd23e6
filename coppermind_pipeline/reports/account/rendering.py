"""An account in the format that was asked for: as data, or as a chat or a note shows it."""

from collections.abc import Iterable
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import day_of
from coppermind_pipeline.reports.account.headline import called
from coppermind_pipeline.reports.account.models import (
    Account,
    AccountDealRow,
    AccountTotals,
    CompanyBlock,
    CompanyChoice,
    ContactRow,
    ContactsDeal,
    RenderedAccount,
)
from coppermind_pipeline.reports.account.request import AccountFormat
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.figures.worth import amount_in_words, worth
from coppermind_pipeline.wording import as_words, bullets, clock_with_zone, count, day, in_markdown, money, number


def rendered_account(account: Account, rendering: AccountFormat) -> Account | RenderedAccount:
    """Return the account itself as json, else its text behind what is to be known before it."""
    if rendering is AccountFormat.JSON:
        return account
    return RenderedAccount(
        trust=account.trust,
        caveats=account.audit.caveats,
        left_out=account.audit.left_out,
        format="markdown",
        content=account_markdown(account),
    )


def account_markdown(account: Account) -> str:
    """Return the account as markdown: what it stands on and the caveats first."""
    zone = ZoneInfo(account.audit.timezone)
    company = account.company
    title = "Account" if company is None else called(company)
    parts = [
        f"# {in_markdown(title)} (mind {in_markdown(account.trust.mind)})",
        bullets(f"{name}: {in_markdown(value)}" for name, value in _provenance(account, zone)),
        "## Caveats",
        bullets(map(in_markdown, account.audit.caveats)) or "None.",
        "## Headline",
        bullets(map(in_markdown, account.headline)),
    ]
    if account.choices:
        parts += ["## Companies that may be meant", bullets(map(_choice, account.choices))]
    if company is not None:
        parts += ["## Company", bullets(_company(company, zone))]
    if account.totals is not None:
        parts += ["## Totals", bullets(_totals(account.totals))]
    if account.contacts is not None:
        page = account.contacts
        people = bullets(_contact(row, zone) for row in page.rows)
        parts += [f"## Contacts ({number(page.total)})", people or ("Left out." if page.total else "None.")]
        parts += _more(page.next_cursor)
    if account.deals is not None:
        parts += [f"## Deals ({number(account.deals.total)})", bullets(map(_deal, account.deals.rows)) or "None."]
        parts += _more(account.deals.next_cursor)
    if account.memories:
        texts = [f"{as_words(each.type)}: {in_markdown(each.content)}" for each in account.memories]
        parts += ["## What is remembered", bullets(texts)]
        if account.memories_left_out:
            parts.append(f"{count(account.memories_left_out, 'more memory')} of these records; a search finds them.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _provenance(account: Account, zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    trust = account.trust
    synced = trust.last_successful_sync
    if trust.portal_ids:
        yield "Portals", ", ".join(map(str, trust.portal_ids))
    yield "Last sync", "not complete yet" if synced is None else clock_with_zone(synced, zone)
    yield "Freshness", as_words(trust.freshness)
    yield "Backfill", "complete" if trust.backfill_complete else "not complete"


def _choice(choice: CompanyChoice) -> str:
    about = [
        choice.domain if choice.domain != choice.name else None,
        choice.place,
        count(choice.deals, "deal"),
        f"company_id {choice.company_id} of {choice.connector_id}" if choice.company_id else None,
    ]
    return _linked(choice.name or "A company without a name", choice.link) + _details(about)


def _company(company: CompanyBlock, zone: ZoneInfo) -> Iterable[str]:
    link = f"[in HubSpot]({company.link})" if company.link else None
    for name, value in (
        ("Place", company.place),
        ("Industry", company.industry),
        ("Lifecycle stage", company.lifecycle_stage),
        ("Lead status", company.lead_status),
        ("Owner", company.owner),
        ("In HubSpot since", company.created_at and day(day_of(company.created_at, zone))),
        ("Last change", company.last_change and day(day_of(company.last_change, zone))),
    ):
        if value:
            yield f"{name}: {in_markdown(value)}"
    if link:
        yield link


def _totals(totals: AccountTotals) -> Iterable[str]:
    for name, deals in (
        ("Won", totals.closed_won),
        ("Lost", totals.closed_lost),
        ("Open", totals.open),
        ("Of these overdue", totals.overdue),
    ):
        yield f"{name}: {in_markdown(_sum(deals))}"
    if totals.lost_without_reason:
        yield f"Lost without a reason: {number(totals.lost_without_reason)}"


def _sum(deals: DealSum) -> str:
    if not deals.deals:
        return "none"
    several = len(deals.amounts) > 1 and deals.amount_home is not None
    home = f", in all {amount_in_words(deals.amount_home)}" if several and deals.amount_home is not None else ""
    return f"{count(deals.deals, 'deal')}, {worth(deals)}{home}"


def _contact(row: ContactRow, zone: ZoneInfo) -> str:
    about = [
        row.job_title,
        None if row.own_company else f"of {row.company}" if row.company else "of no company in HubSpot",
        row.email if row.email != row.name else None,
        row.lifecycle_stage,
        _owner(row.owner),
        f"last change {day(day_of(row.last_change, zone))}" if row.last_change else None,
        "older than the window" if row.referenced_only else None,
        "left out by the filters" if row.is_filtered else None,
    ]
    ties = "; ".join(map(_tie, row.deals))
    more = f" and {number(row.deals_total - len(row.deals))} more" if row.deals_total > len(row.deals) else ""
    on = f". On: {in_markdown(ties)}{more}" if ties else ""
    return f"{_linked(row.name or 'An unnamed person', row.link)}{_details(about)}{on}"


def _tie(deal: ContactsDeal) -> str:
    about = ", ".join([deal.outcome, *deal.labels, *(["of another company"] if deal.of_other_company else [])])
    return f"{deal.name or 'a deal without a name'} ({about})"


def _deal(row: AccountDealRow) -> str:
    closes = "closes" if row.outcome == "open" else "closed"
    about = [
        row.outcome,
        f"{row.stage} of {row.pipeline}",
        "no amount" if row.amount is None else money(Decimal(row.amount), row.currency),
        "no close date" if row.close_date is None else f"{closes} {day(row.close_date)}",
        "overdue" if row.overdue else None,
        _loss(row),
        _owner(row.owner),
        None if row.in_totals else f"of {row.primary_company or 'another company'}, outside the totals",
        "left out by the filters" if row.is_filtered else None,
    ]
    return f"{_linked(row.name or 'A deal', row.link)}{_details(about)}"


def _owner(owner: str | None) -> str | None:
    return owner if owner is None or owner == "no owner" else f"owner: {owner}"


def _loss(row: AccountDealRow) -> str | None:
    if row.outcome != "lost":
        return None
    if row.loss_reason:
        return f"reason: “{row.loss_reason}”"
    return f"about: {row.loss_theme}" if row.loss_theme else "no reason given"


def _more(cursor: str | None) -> list[str]:
    return [] if cursor is None else [f"There are more: cursor {cursor}."]


def _linked(text: str, link: str | None) -> str:
    return f"[{in_markdown(text)}]({link})" if link else in_markdown(text)


def _details(about: Iterable[str | None]) -> str:
    said = ", ".join(in_markdown(each) for each in about if each)
    return f": {said}" if said else ""
