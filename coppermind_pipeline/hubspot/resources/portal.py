"""A portal's account and the people in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """A HubSpot account; None is what HubSpot does not say of it.

    Attributes:
        time_zone: name in the tz database, such as "US/Eastern". (HubSpot's UTC offset is today's alone.)
        company_currency: ISO 4217 code of the currency in which the portal reports.
        ui_domain: host of the portal's pages, such as "app-eu1.hubspot.com".
    """

    portal_id: int
    account_type: str
    time_zone: str | None
    company_currency: str | None
    additional_currencies: tuple[str, ...]
    ui_domain: str | None
    data_hosting_location: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone, or a queue, that records are assigned to.

    Attributes:
        id: what `hubspot_owner_id` of a record holds; not the user's id.
        user_id: None for an archived owner; `user_id_including_inactive` still has it.
    """

    id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    user_id: int | None
    user_id_including_inactive: int | None
    archived: bool


def read_account(data: Mapping[str, Any]) -> AccountDetails:
    """Return the account in an answer."""
    return AccountDetails(
        portal_id=int(data["portalId"]),
        account_type=str(data.get("accountType") or ""),
        time_zone=_said(data.get("timeZone")),
        company_currency=_said(data.get("companyCurrency")),
        additional_currencies=tuple(str(c) for c in data.get("additionalCurrencies") or ()),
        ui_domain=_said(data.get("uiDomain")),
        data_hosting_location=str(data.get("dataHostingLocation") or ""),
    )


def read_owners(data: Mapping[str, Any], *, archived: bool) -> tuple[Owner, ...]:
    """Return the owners in an answer; `archived` is what was asked for, and holds where an owner does not say."""
    return tuple(
        Owner(
            id=str(o["id"]),
            email=o.get("email") or None,
            first_name=o.get("firstName") or None,
            last_name=o.get("lastName") or None,
            user_id=_id_number(o.get("userId")),
            user_id_including_inactive=_id_number(o.get("userIdIncludingInactive")),
            archived=bool(o.get("archived", archived)),
        )
        for o in data["results"]
    )


def each_owner_once(owners: Iterable[Owner]) -> tuple[Owner, ...]:
    """Return each owner once, by id; one who is listed both as active and as archived is active."""
    archived_first = sorted(owners, key=lambda owner: not owner.archived)
    return tuple(sorted({owner.id: owner for owner in archived_first}.values(), key=lambda owner: owner.id))


def _said(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None


def _id_number(value: Any) -> int | None:
    return None if value is None else int(value)
