"""What an account can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.sizing.cursors import Place
from coppermind_pipeline.tool_calls import ToolArgumentError

ACCOUNT_ARGUMENTS = ("company", "connector_id", "include_filtered", "audience", "format")


class AccountFormat(StrEnum):
    """What an account can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"


class ContactPlace(Place):
    """Of somebody among the contacts: by how they are tied to the company, the latest change first."""

    part: ClassVar[str] = "contacts"

    rank: int
    modified_at: AwareDatetime | None
    contact_id: str


class AccountDealPlace(Place):
    """Of a deal: the company's own first; open, won, lost; the latest close date first."""

    part: ClassVar[str] = "deals"

    is_own: bool
    rank: int
    closes_at: AwareDatetime | None
    deal_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """The arguments of an account.

    Attributes:
        company: its name, domain or HubSpot id.
        connector_id: the portal that it is looked for in; None: all of the mind's.
        for_client: without what a client is not to read.
    """

    company: str
    connector_id: str | None = None
    include_filtered: bool = False
    for_client: bool = False
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
            format=AccountFormat(rendering),
        )
