"""An account within the size of an answer: what does not fit is left to the next page, and said."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from coppermind_pipeline.reports.account.models import Account
from coppermind_pipeline.reports.account.request import AccountList, AccountRequest, Cursor

T = TypeVar("T", bound=BaseModel)


def fitting(account: Account, request: AccountRequest, *, made: Callable[[Account], T], bytes_max: int) -> T:
    """Return what is made of as much of the account as fits; at least one row of each list."""
    answer = made(account)
    while (excess := _bytes(answer) - bytes_max) > 0 and (shorter := _shorter(account, request, excess)) != account:
        account = shorter
        answer = made(account)
    return answer


def _shorter(account: Account, request: AccountRequest, excess: int) -> Account:
    """Return the account without the last rows of what takes most room, as many as make up for the excess."""
    sizes = {
        "memories": _sizes(account.memories),
        "contacts": _sizes(account.contacts.rows if account.contacts is not None else ()),
        "deals": _sizes(account.deals.rows if account.deals is not None else ()),
    }
    while excess > 0:
        name = max(sizes, key=lambda name: sum(sizes[name]) if len(sizes[name]) > _LEAST[name] else 0)
        if len(sizes[name]) <= _LEAST[name]:
            break
        excess -= sizes[name].pop()
    return _cut(account, request, {name: len(kept) for name, kept in sizes.items()})


_LEAST = {"memories": 0, "contacts": 1, "deals": 1}


def _cut(account: Account, request: AccountRequest, kept: dict[str, int]) -> Account:
    left_out = len(account.memories) - kept["memories"]
    cut = {"memories": account.memories[: kept["memories"]], "memories_left_out": account.memories_left_out + left_out}
    place = request.cursor.place if request.cursor is not None else 0
    for name, page in (("contacts", account.contacts), ("deals", account.deals)):
        if page is not None and len(page.rows) > kept[name]:
            following = Cursor(AccountList(name), place + kept[name])
            cut[name] = page.model_copy(update={"rows": page.rows[: kept[name]], "next_cursor": str(following)})
    return account.model_copy(update=cut)


def _sizes(rows: Sequence[BaseModel]) -> list[int]:
    return [_bytes(row) for row in rows]


def _bytes(part: BaseModel) -> int:
    return len(part.model_dump_json().encode())
