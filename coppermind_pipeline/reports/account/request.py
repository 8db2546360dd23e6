"""What an account can be asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.tool_calls import ToolArgumentError

ACCOUNT_ARGUMENTS = ("company", "connector_id", "include_filtered", "audience", "cursor", "format")

# A page may begin this far down a list, and no farther.
_PLACE_DIGITS_MAX = 7
_CURSOR = re.compile(rf"(?P<list>contacts|deals):(?P<place>[1-9][0-9]{{0,{_PLACE_DIGITS_MAX - 1}}})")


class AccountFormat(StrEnum):
    """What an account can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"


class AccountList(StrEnum):
    """The lists of an account, which come by pages."""

    CONTACTS = "contacts"
    DEALS = "deals"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list goes on: behind so many of its rows, as the store is now."""

    list: AccountList
    place: int

    def __str__(self) -> str:
        return f"{self.list}:{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """The arguments of an account.

    Attributes:
        company: its name, domain or HubSpot id.
        connector_id: the portal that it is looked for in; None: all of the mind's.
        for_client: without what a client is not to read.
        cursor: where one list goes on; the other is left out then.
    """

    company: str
    connector_id: str | None = None
    include_filtered: bool = False
    for_client: bool = False
    cursor: Cursor | None = None
    format: AccountFormat = AccountFormat.JSON

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Check arguments from outside; None counts as not given.

        Raises:
            ToolArgumentError: names the argument and says what it takes.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        company = str(given.get("company", "")).strip()
        if not company:
            raise ToolArgumentError("account needs a company.", hint="Give its name, domain or HubSpot id.")
        audience = given.get("audience", Audience.INTERNAL)
        if audience not in set(Audience):
            raise ToolArgumentError(f"audience takes {', '.join(Audience)}; not {audience!r}.")
        rendering = given.get("format", AccountFormat.JSON)
        if rendering not in set(AccountFormat):
            raise ToolArgumentError(f"format of an account takes {', '.join(AccountFormat)}; not {rendering!r}.")
        return cls(
            company=company,
            connector_id=given.get("connector_id"),
            include_filtered=bool(given.get("include_filtered", False)),
            for_client=audience == Audience.CLIENT,
            cursor=_cursor(given.get("cursor")),
            format=AccountFormat(rendering),
        )


def _cursor(value: str | None) -> Cursor | None:
    if value is None:
        return None
    found = _CURSOR.fullmatch(value.strip())
    if found is None:
        raise ToolArgumentError(
            f"cursor takes the next_cursor of an answer, such as contacts:25; not {value!r}.",
            hint="Leave it out for the beginning of both lists.",
        )
    return Cursor(AccountList(found["list"]), int(found["place"]))
