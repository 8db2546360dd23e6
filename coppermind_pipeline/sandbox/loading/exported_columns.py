"""Which property a column of a file holds: by its name, or by its label, which HubSpot's export writes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.portal.definitions import Definitions
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS, DEALS, ObjectKind, object_kind

ID = "id"

# What a file of records is of no use without: one of each line.
_NEEDED = {
    CONTACTS: (("email", "firstname", "lastname"),),
    COMPANIES: (("name", "domain"),),
    DEALS: (("dealname",), ("amount",), ("dealstage",)),
}

# Labels of other years, and of other objects, than those that the sandbox's own definitions have.
_OTHER_LABELS = {
    "original source": ("hs_analytics_source",),
    "original traffic source": ("hs_analytics_source",),
    "original source drill-down 1": ("hs_analytics_source_data_1",),
    "original source drill-down 2": ("hs_analytics_source_data_2",),
    "original traffic source drill-down 1": ("hs_analytics_source_data_1",),
    "original traffic source drill-down 2": ("hs_analytics_source_data_2",),
    "latest source": ("hs_latest_source", "hs_analytics_latest_source"),
    "hubspot team": ("hubspot_team_id",),
    "became a customer date": ("closedate",),
    "close date": ("closedate",),
}
_LINKS = re.compile(
    r"associated (?P<kind>contact|company|deal)s?(?P<ids> ids)?(?: names?)?(?P<primary> \(primary\))?", re.IGNORECASE
)


class LinkColumn(NamedTuple):
    """A column of ids of records that each row is linked to."""

    header: str
    kind: ObjectKind
    label: str | None


class Columns(NamedTuple):
    """What the columns of one file of records hold."""

    #: Property name, or `id`, by header.
    names: dict[str, str]
    links: tuple[LinkColumn, ...]
    #: Properties that the portal does not have, with their labels.
    unknown: dict[str, str]
    #: Whether labels stand for names, and so for values too.
    exported: bool


def columns_of(kind: ObjectKind, definitions: Definitions, header: list[str], *, file: str) -> Columns:
    """Tell columns by their headers; raises LoadError where the records would be nameless."""
    labels = dict(_labels(kind, definitions))
    names = {name: name for name in header if name == ID or name in definitions}
    links = {name: found for name in header if name not in names and (found := _LINKS.fullmatch(name))}
    by_label = {
        name: labels[name.casefold()]
        for name in header
        if name not in names and name not in links and name.casefold() in labels
    }
    rest = [name for name in header if name not in names and name not in links and name not in by_label]
    exported = bool(by_label or links or (rest and not set(names) - {ID}))
    unknown = {_property_name(name) if exported else name: name for name in rest}
    named = names | by_label | {label: name for name, label in unknown.items()}
    if exported:
        _check_needed(kind, named, file)
    _check_once(named, file)
    return Columns(
        named,
        tuple(
            LinkColumn(name, linked, "Primary" if found["primary"] else None)
            for name, found in links.items()
            if found["ids"] and (linked := object_kind(found["kind"])) is not None
        ),
        unknown,
        exported,
    )


def _labels(kind: ObjectKind, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """Yield labels and what they stand for; of two with one label the later one counts."""
    for definition in definitions:
        yield definition.name.casefold(), definition.name
    for label, names in _OTHER_LABELS.items():
        yield from ((label, name) for name in names if name in definitions)
    for definition in reversed(list(definitions)):
        yield str(definition.document.get("label", "")).casefold(), definition.name
    yield f"{kind.singular} owner", "hubspot_owner_id"
    for label in (ID, "record id", f"record id - {kind.singular}", f"record id - {kind.name}", f"{kind.singular} id"):
        yield label, ID


def _property_name(header: str) -> str:
    """Return the name that HubSpot gives a property with that label."""
    return re.sub(r"\W+", "_", header.casefold()).strip("_") or "column"


def _check_needed(kind: ObjectKind, names: dict[str, str], file: str) -> None:
    found = set(names.values())
    missing = [" or ".join(each) for each in _NEEDED[kind] if not found.intersection(each)]
    if missing:
        raise LoadError(
            f"{file}, row 1: no column is the {kind.singular}'s {' nor its '.join(missing)}; "
            "a header is a property's name, or its label in English as HubSpot exports it"
        )


def _check_once(names: dict[str, str], file: str) -> None:
    by_name: dict[str, str] = {}
    for header, name in names.items():
        other = by_name.setdefault(name, header)
        if other != header:
            raise LoadError(f"{file}, row 1: the columns {other} and {header} are both {name}")
