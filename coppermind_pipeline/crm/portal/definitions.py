"""Definitions of properties: what a portal says about the values of its records."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyDefinition:
    """One property of one object type, as HubSpot defines it.

    Attributes:
        name: HubSpot's internal name.
        type: bool, date, datetime, enumeration, number, string, phone_number, object_coordinates or json.
        field_type: select, checkbox, text, textarea, calculation_equation, …
        options: internal value → label; empty where HubSpot keeps the options elsewhere (owners, pipelines, stages).
        missing: HubSpot defines it no longer; kept so that old records keep their labels.
    """

    name: str
    label: str = ""
    type: str = "string"
    field_type: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)
    missing: bool = False

    def values_of(self, value: str) -> tuple[str, ...]:
        """Return the internal values in a property's value: several, joined by `;`, where the property takes several.

        An option's value can't hold a `;`, so that any enumeration may be split.
        """
        if self.type != "enumeration" or ";" not in value:
            return (value,)
        return tuple(part.strip() for part in value.split(";") if part.strip())
