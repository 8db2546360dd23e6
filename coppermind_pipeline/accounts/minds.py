"""Minds: one partitioned memory per client, and which of them a caller works on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.accounts.customers import Caller
from coppermind_pipeline.accounts.errors import InvalidMind, MindExists, MindNotFound, NoActiveMind
from coppermind_pipeline.crm import canonical_domain
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import ascii_letters, single_spaced

NAME_CHARACTERS_MAX = 120
SLUG_CHARACTERS_MAX = 40

_COLUMNS = "id, customer_id, name, slug, kind, company_info"


class MindKind(StrEnum):
    """What a mind is about; CRM data may be connected to clients and prospects only."""

    CLIENT = "client"
    PROSPECT = "prospect"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Mind:
    """One partitioned memory.

    Attributes:
        slug: stable and readable, unique for the customer; ids of connectors begin with it. Renaming leaves it.
        company_info: what is known about the company: `domain`, or `domains` where it has several.
    """

    id: UUID
    customer_id: UUID
    name: str
    slug: str
    kind: MindKind
    company_info: Mapping[str, Any]
    active: bool = False

    @property
    def domains(self) -> tuple[str, ...]:
        """The company's own domains."""
        one, many = self.company_info.get("domain"), self.company_info.get("domains")
        return tuple(dict.fromkeys([*([one] if one else []), *(many or [])]))


def create_mind(
    database: Database, caller: Caller, name: str, *, kind: str = MindKind.CLIENT, domains: Iterable[str] = ()
) -> Mind:
    """Create a mind; it becomes the caller's active one where none is active yet.

    The domains are the company's own: contacts with such an e-mail address are its own people. Any way of writing
    them will do (`Acme.com`, `@acme.com`, `https://www.acme.com`).

    Raises:
        MindExists: the customer has a mind of that name, in whatever case.
        InvalidMind: the name, kind or a domain can't be used.
    """
    values = {
        "customer": caller.customer_id,
        "name": _name(name),
        "kind": _kind(kind),
        "info": _company_info({}, domains),
    }
    with database.customer(caller.customer_id) as connection:
        # One at a time per customer: the slug is chosen among those that are free.
        connection.execute(text("SELECT FROM customers WHERE id = :customer FOR UPDATE"), values)
        row = connection.execute(_CREATE, values | {"slug": _free_slug(connection, values["name"])}).one_or_none()
        if row is None:
            raise MindExists(f"A mind named {values['name']!r} exists already.")
        active = _active_id(connection, caller)
        if active is None:
            _activate(connection, caller, row.id)
        return _mind(row, active_id=active or row.id)


_CREATE = text(
    f"""INSERT INTO minds (customer_id, name, slug, kind, company_info)
        VALUES (:customer, :name, :slug, :kind, CAST(:info AS jsonb))
        ON CONFLICT (customer_id, lower(name)) DO NOTHING RETURNING {_COLUMNS}"""  # noqa: S608 - our own columns
)


def list_minds(database: Database, caller: Caller) -> list[Mind]:
    """Return the customer's minds by name, the caller's active one marked."""
    with database.customer(caller.customer_id) as connection:
        return _all(connection, caller)


def resolve_mind(database: Database, caller: Caller, name: str | None = None) -> Mind:
    """Return the mind of that name (in whatever case), slug or id; None stands for the active mind.

    A caller who has not switched to a mind works on the customer's only one, where there is only one.

    Raises:
        MindNotFound: no such mind; the message lists those that exist.
        NoActiveMind: none was named and none is active.
    """
    with database.customer(caller.customer_id) as connection:
        return _resolve(_all(connection, caller), name)


def switch_mind(database: Database, caller: Caller, name: str) -> Mind:
    """Make a mind the caller's active one and return it.

    Raises:
        MindNotFound: no such mind.
    """
    with database.customer(caller.customer_id) as connection:
        mind = _resolve(_all(connection, caller), name)
        _activate(connection, caller, mind.id)
        return _resolve(_all(connection, caller), str(mind.id))


def update_mind(
    database: Database,
    caller: Caller,
    name: str | None,
    *,
    new_name: str | None = None,
    kind: str | None = None,
    domains: Iterable[str] | None = None,
) -> Mind:
    """Change what is given of a mind and return it; `domains` replaces all of its domains.

    Raises:
        MindNotFound, NoActiveMind: as `resolve_mind`.
        MindExists: another mind has the new name.
        InvalidMind: the name, kind or a domain can't be used.
    """
    with database.customer(caller.customer_id) as connection:
        minds = _all(connection, caller)
        mind = _resolve(minds, name)
        wanted = mind.name if new_name is None else _name(new_name)
        if any(other.id != mind.id and other.name.lower() == wanted.lower() for other in minds):
            raise MindExists(f"Another mind is named {wanted!r} already.")
        info = mind.company_info if domains is None else orjson.loads(_company_info(mind.company_info, domains))
        connection.execute(
            text("UPDATE minds SET name = :name, kind = :kind, company_info = CAST(:info AS jsonb) WHERE id = :id"),
            {
                "id": mind.id,
                "name": wanted,
                "kind": mind.kind if kind is None else _kind(kind),
                "info": orjson.dumps(info).decode(),
            },
        )
        return _resolve(_all(connection, caller), str(mind.id))


def _all(connection: Connection, caller: Caller) -> list[Mind]:
    active = _active_id(connection, caller)
    rows = connection.execute(text(f"SELECT {_COLUMNS} FROM minds ORDER BY lower(name)")).all()  # noqa: S608 - our own columns
    if active is None and len(rows) == 1:
        active = rows[0].id
    return [_mind(row, active_id=active) for row in rows]


def _mind(row: Any, *, active_id: UUID | None) -> Mind:
    return Mind(
        row.id, row.customer_id, row.name, row.slug, MindKind(row.kind), row.company_info, active=row.id == active_id
    )


def _resolve(minds: list[Mind], name: str | None) -> Mind:
    if name is None:
        found = next((mind for mind in minds if mind.active), None)
        if found is None:
            raise NoActiveMind(
                f"No mind is active{_listed(minds)}.",
                hint="Name one, or switch to one: `minds action=switch mind=NAME`."
                if minds
                else "Create one with `minds action=create name=NAME`.",
            )
        return found
    wanted = name.strip().lower()
    for key in (lambda m: str(m.id), lambda m: m.name.lower(), lambda m: m.slug):
        for mind in minds:
            if key(mind) == wanted:
                return mind
    raise MindNotFound(
        f"There is no mind {name!r}{_listed(minds)}.",
        hint="`minds action=list` shows them; `minds action=create name=NAME` makes one.",
    )


def _listed(minds: list[Mind]) -> str:
    return f"; there are: {', '.join(mind.name for mind in minds)}" if minds else "; there are none yet"


def _active_id(connection: Connection, caller: Caller) -> UUID | None:
    return connection.scalar(
        text(
            "SELECT active_mind_id FROM customers WHERE id = :id"
            if caller.token_id is None
            else "SELECT active_mind_id FROM access_tokens WHERE id = :id"
        ),
        {"id": caller.token_id or caller.customer_id},
    )


def _activate(connection: Connection, caller: Caller, mind_id: UUID) -> None:
    connection.execute(
        text(
            "UPDATE customers SET active_mind_id = :mind WHERE id = :id"
            if caller.token_id is None
            else "UPDATE access_tokens SET active_mind_id = :mind WHERE id = :id"
        ),
        {"id": caller.token_id or caller.customer_id, "mind": mind_id},
    )


def _name(name: str) -> str:
    name = single_spaced(name)
    if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidMind(f"A mind's name has 1 to {NAME_CHARACTERS_MAX} printable characters.")
    return name


def _kind(kind: str) -> MindKind:
    try:
        return MindKind(kind.strip().lower())
    except ValueError:
        raise InvalidMind(f"{kind!r} is no kind of mind; the kinds are {', '.join(MindKind)}.") from None


def _company_info(known: Mapping[str, Any], domains: Iterable[str]) -> str:
    found: dict[str, None] = {}
    for entry in domains:
        domain = canonical_domain(entry)
        if domain is None:
            raise InvalidMind(f"{entry!r} is not a domain such as acme.com.")
        found[domain] = None
    info = {key: value for key, value in known.items() if key not in {"domain", "domains"}}
    if len(found) == 1:
        info["domain"] = next(iter(found))
    elif found:
        info["domains"] = list(found)
    return orjson.dumps(info).decode()


def _free_slug(connection: Connection, name: str) -> str:
    wanted = re.sub(r"[^a-z0-9]+", "-", ascii_letters(name)).strip("-")[:SLUG_CHARACTERS_MAX].rstrip("-") or "mind"
    taken = set(connection.scalars(text("SELECT slug FROM minds")))
    return next(slug for n in count(1) if (slug := wanted if n == 1 else f"{wanted}-{n}") not in taken)
