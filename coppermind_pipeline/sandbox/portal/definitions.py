"""A portal's property definitions, as the properties API serves them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind

TEMPLATES_MAX = 100
_FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "datetime": "date",
    "date": "date",
    "bool": "booleancheckbox",
    "enumeration": "select",
    "phone_number": "phonenumber",
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One property: what search must know of it, and the JSON document that the API answers."""

    name: str
    type: str
    field_type: str
    document: dict[str, Any]

    @property
    def archived(self) -> bool:
        """Whether it was deleted in the portal's settings."""
        return bool(self.document.get("archived", False))

    @property
    def sensitivity(self) -> str:
        """`non_sensitive`, `sensitive` or `highly_sensitive`."""
        return self.document.get("dataSensitivity", "non_sensitive")

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Definition":
        """Take over a definition as the API spells it; raises ValueError where name or type is missing."""
        try:
            name, kind = document["name"], document["type"]
        except KeyError as error:
            raise ValueError(f"a property definition lacks {error}") from error
        return cls(name, kind, document.get("fieldType", _FIELD_TYPES.get(kind, "text")), document)


class Definitions:
    """The property definitions of one kind of record, by name."""

    def __init__(self, kind: ObjectKind, definitions: Iterable[Definition]) -> None:
        self.kind = kind
        self._by_name = {d.name: d for d in definitions}
        self._templates: dict[tuple[str, ...], dict[str, None]] = {}

    def __contains__(self, name: str) -> bool:
        found = self._by_name.get(name)
        return found is not None and not found.archived

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Definition | None:
        """Return a definition that is not archived, or None."""
        found = self._by_name.get(name)
        return None if found is None or found.archived else found

    def put(self, definition: Definition) -> None:
        """Add a definition, or replace the one of that name."""
        self._by_name[definition.name] = definition
        self._templates.clear()

    def remove(self, name: str) -> None:
        """Drop a definition without a trace; raises KeyError where there is none."""
        del self._by_name[name]
        self._templates.clear()

    def template(self, names: tuple[str, ...]) -> dict[str, None]:
        """Return what a record answers when nothing is set: the defined ones of the names, and what always comes.

        Keys are sorted, as HubSpot's answers are. The same few lists of names are asked for again and again, so
        the answer is kept until a definition changes; callers must not change it.
        """
        found = self._templates.get(names)
        if found is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            wanted = {name for name in names if name in self} | set(self.kind.always_returned)
            found = self._templates[names] = dict.fromkeys(sorted(wanted))
        return found


def define(
    name: str,
    *,
    label: str,
    type: str,  # noqa: A002  (HubSpot's own word for it)
    field_type: str | None = None,
    group: str,
    options: Iterable[tuple[str, str]] = (),
    description: str = "",
    hubspot_defined: bool = True,
    read_only: bool = False,
    external_options: bool = False,
    at: str = "2023-02-01T09:00:00.000Z",
    more: dict[str, Any] | None = None,
) -> Definition:
    """Write a definition's document; `options` are (value, label) in order of display."""
    field_type = field_type or _FIELD_TYPES.get(type, "text")
    if type == "bool" and not options:
        options = (("true", "Yes"), ("false", "No"))
    document: dict[str, Any] = {
        "updatedAt": at,
        "createdAt": at,
        "name": name,
        "label": label,
        "type": type,
        "fieldType": field_type,
        "description": description,
        "groupName": group,
        "options": [
            {"label": text, "value": value, "displayOrder": order, "hidden": False}
            for order, (value, text) in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": field_type.startswith("calculation_"),
        "externalOptions": external_options,
        "hasUniqueValue": False,
        "hidden": False,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": hubspot_defined,
            "readOnlyValue": read_only or field_type.startswith("calculation_"),
        },
        "formField": not hubspot_defined,
        "dataSensitivity": "non_sensitive",
    }
    if hubspot_defined:
        document["hubspotDefined"] = True
    else:
        document |= {"createdUserId": "88842095", "updatedUserId": "88842095", "archived": False}
    return Definition(name, type, field_type, document | (more or {}))
