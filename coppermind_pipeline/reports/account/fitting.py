"""What an account leaves out where it would not fit into an answer, in which order, and how it says so."""

from collections.abc import Callable, Iterable
from functools import partial

from coppermind_pipeline.reports.account.models import Account, PlacedAccount
from coppermind_pipeline.reports.account.request import AccountDealPlace, ContactPlace
from coppermind_pipeline.reports.sizing.cursors import GoesOn, Question
from coppermind_pipeline.reports.sizing.cutting import Answer, LeftOut, cut_to_fit
from coppermind_pipeline.wording import count, number

# Rows of each list that are worth more than what is remembered of them.
_ROWS_WORTH_MORE = 8


def fitting_account(
    account: PlacedAccount,
    question: Question,
    goes_on: GoesOn | None,
    *,
    made: Callable[[Account], Answer],
    fits: Callable[[Answer], bool],
) -> Answer:
    """Return what is made of as much of an account as fits, with cursors to the rest of its lists."""
    return cut_to_fit(account, _CUTS, made=lambda cut: made(_noted(cut, question, goes_on)), fits=fits)


def _fewer_rows(account: PlacedAccount, *, least: int) -> PlacedAccount | None:
    """Return the account without the last row of the list that has more."""
    contacts = account.contacts.rows if account.contacts is not None else []
    deals = account.deals.rows if account.deals is not None else []
    if max(len(contacts), len(deals)) <= least:
        return None
    if account.contacts is not None and len(contacts) > len(deals):
        page = account.contacts.model_copy(update={"rows": contacts[:-1]})
        cut = {"contacts": page, "contact_places": account.contact_places[:-1], "more_contacts": True}
    else:
        assert account.deals is not None  # noqa: S101 - it has the rows
        page = account.deals.model_copy(update={"rows": deals[:-1]})
        cut = {"deals": page, "deal_places": account.deal_places[:-1], "more_deals": True}
    return account.model_copy(update=cut)


def _fewer_memories(account: PlacedAccount) -> PlacedAccount | None:
    if not account.memories:
        return None
    return account.model_copy(
        update={"memories": account.memories[:-1], "memories_left_out": account.memories_left_out + 1}
    )


_CUTS = (partial(_fewer_rows, least=_ROWS_WORTH_MORE), _fewer_memories, partial(_fewer_rows, least=1))


def _noted(account: PlacedAccount, question: Question, goes_on: GoesOn | None) -> Account:
    """Return the account with a word about each part that is not in it."""
    begun = None if goes_on is None else goes_on.after
    contacts, deals = account.contacts, account.deals
    if contacts is not None and account.more_contacts:
        cursor = question.cursor(ContactPlace.part, account.contact_places[-1] if account.contact_places else begun)
        contacts = contacts.model_copy(update={"next_cursor": cursor})
    if deals is not None and account.more_deals:
        cursor = question.cursor(AccountDealPlace.part, account.deal_places[-1] if account.deal_places else begun)
        deals = deals.model_copy(update={"next_cursor": cursor})
    noted = account.model_copy(update={"contacts": contacts, "deals": deals})
    left_out = list(_left_out(noted))
    return noted.model_copy(update={"audit": account.audit.model_copy(update={"left_out": left_out})})


def _left_out(account: Account) -> Iterable[LeftOut]:
    for part, noun, page in (("contacts", "contact", account.contacts), ("deals", "deal", account.deals)):
        if page is not None and page.next_cursor is not None:
            said = f"{number(len(page.rows))} of {count(page.total, noun)} are on this page."
            yield LeftOut(part=part, said=said, next_cursor=page.next_cursor)
    if account.memories_left_out and account.company is not None:
        company = account.company.company_id or account.company.name
        said = f"{count(account.memories_left_out, 'more memory')} of these records did not fit."
        yield LeftOut(part="memories", said=said, action="list", arguments={"company": company} if company else None)
