"""The three kinds of CRM record and what HubSpot's API says differently about each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of record.

    Source: HubSpot, "Search the CRM" (modified property, default properties, what `query` looks at).
    """

    name: str
    singular: str
    type_id: str
    modified_property: str
    default_properties: tuple[str, ...]
    queried_properties: tuple[str, ...]

    @property
    def always_returned(self) -> tuple[str, str, str]:
        """Properties that come with each record, asked for or not."""
        return ("createdate", "hs_object_id", self.modified_property)

    @property
    def read_scope(self) -> str:
        """The scope that opens this kind's records."""
        return f"crm.objects.{self.name}.read"


CONTACTS = ObjectKind(
    name="contacts",
    singular="contact",
    type_id="0-1",
    modified_property="lastmodifieddate",
    default_properties=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    queried_properties=("firstname", "lastname", "email", "phone", "company", "mobilephone", "fax"),
)
COMPANIES = ObjectKind(
    name="companies",
    singular="company",
    type_id="0-2",
    modified_property="hs_lastmodifieddate",
    default_properties=("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
    queried_properties=("website", "phone", "name", "domain"),
)
DEALS = ObjectKind(
    name="deals",
    singular="deal",
    type_id="0-3",
    modified_property="hs_lastmodifieddate",
    default_properties=(
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    ),
    queried_properties=("dealname", "pipeline", "dealstage", "description", "dealtype"),
)
OBJECT_KINDS = (CONTACTS, COMPANIES, DEALS)

_BY_ANY_NAME = {word: kind for kind in OBJECT_KINDS for word in (kind.name, kind.singular, kind.type_id)}


def object_kind(name: str) -> ObjectKind | None:
    """Find a kind by plural, singular or type id (`0-3`), as HubSpot's paths accept them; None for any other word."""
    return _BY_ANY_NAME.get(name.lower())
