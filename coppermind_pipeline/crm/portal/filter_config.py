"""The filter keys of a connector's configuration: their shapes, and the one form in which they are stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from coppermind_pipeline.crm.mail import canonical_domain, canonical_email
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.object_types import ObjectType

EXCLUDED_EMAIL_KEYS = ("hubspot_excluded_emails", "excluded_emails")
EXCLUDED_DOMAIN_KEYS = ("hubspot_excluded_email_domains", "hubspot_excluded_domains", "excluded_email_domains")
PROPERTY_FILTER_KEYS = ("hubspot_property_filters", "hubspot_filters")
FILTER_KEYS = (*EXCLUDED_EMAIL_KEYS, *EXCLUDED_DOMAIN_KEYS, *PROPERTY_FILTER_KEYS)

ENTRIES_MAX = 10_000
VALUES_MAX = 1_000

FlatFilter = dict[str, list[str]]
ScopedFilter = dict[str, FlatFilter]

_OBJECT_TYPES = frozenset(ObjectType)


class FilterConfigError(UsageError):
    """A filter of the connector's configuration has the wrong shape."""

    code = "filter_config"


def check_filter_setting(key: str, value: Any) -> list[str] | FlatFilter | ScopedFilter:
    """Return the value of one of `FILTER_KEYS` in the form in which it is stored: checking that again changes nothing.

    E-mails and domains come out in lower case, the domain in its ASCII form, each once; a property filter with a list
    of values for each property.

    Raises:
        FilterConfigError: the value has another shape; the message names the key, the entry and what is expected.
    """
    if key in EXCLUDED_EMAIL_KEYS:
        return _distinct(_email(key, entry) for entry in _entries(key, value))
    if key in EXCLUDED_DOMAIN_KEYS:
        return _distinct(_domain(key, entry) for entry in _entries(key, value))
    if key in PROPERTY_FILTER_KEYS:
        return _property_filter(key, value)
    raise FilterConfigError(f"{key} is not a filter.", hint=f"The filters are {', '.join(FILTER_KEYS)}.")


def is_scoped(property_filter: Mapping[str, Any]) -> bool:
    """Say whether a property filter is a map of object types, rather than of properties."""
    return property_filter.keys() <= _OBJECT_TYPES


def _entries(key: str, value: Any) -> list[str]:
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        raise FilterConfigError(f"{key} must be a list of texts, not {_kind(value)}.")
    if len(entries) > ENTRIES_MAX:
        raise FilterConfigError(f"{key} has {len(entries)} entries; {ENTRIES_MAX} are the most.")
    for entry in entries:
        if not isinstance(entry, str):
            raise FilterConfigError(f"{key} must hold texts only, not {_kind(entry)}.")
    return [entry.strip() for entry in entries if entry.strip()]


def _email(key: str, entry: str) -> str:
    # HubSpot's contacts hold addresses that email-validator refuses, and those are what people want to exclude.
    email = canonical_email(entry)
    if email is None:
        raise FilterConfigError(
            f"{key}: {entry!r} is not an e-mail address.",
            hint="A whole domain goes into hubspot_excluded_email_domains." if entry.startswith("@") else None,
        )
    return email[0]


def _domain(key: str, entry: str) -> str:
    domain = canonical_domain(entry) if "@" not in entry.strip().removeprefix("@") else None
    if domain is None:
        raise FilterConfigError(
            f"{key}: {entry!r} is not a domain such as acme.com.",
            hint="An e-mail address goes into hubspot_excluded_emails." if "@" in entry else None,
        )
    return domain


def _property_filter(key: str, value: Any) -> FlatFilter | ScopedFilter:
    if not isinstance(value, Mapping):
        raise FilterConfigError(
            f"{key} must be a map of properties to values, not {_kind(value)}.",
            hint='For example {"deals": {"pipeline": "default"}} or {"pipeline": ["default", "renewals"]}.',
        )
    if not is_scoped(value):
        return _flat_filter(key, value)
    scoped: ScopedFilter = {}
    for object_type, properties in value.items():
        if not isinstance(properties, Mapping):
            raise FilterConfigError(
                f"{key}.{object_type} must be a map of properties to values, not {_kind(properties)}."
            )
        scoped[object_type] = _flat_filter(f"{key}.{object_type}", properties)
    return scoped


def _flat_filter(path: str, properties: Mapping[Any, Any]) -> FlatFilter:
    return {_property_name(path, name): _values(f"{path}.{name}", value) for name, value in properties.items()}


def _property_name(path: str, name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise FilterConfigError(f"{path} must name properties by HubSpot's internal names.")
    return name.strip()


def _values(path: str, value: Any) -> list[str]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values:
        raise FilterConfigError(f"{path} has no values, so that no record could match.", hint="Leave the property out.")
    if len(values) > VALUES_MAX:
        raise FilterConfigError(f"{path} has {len(values)} values; {VALUES_MAX} are the most.")
    return _distinct(_value(path, entry) for entry in values)


def _value(path: str, value: Any) -> str:
    if isinstance(value, Mapping):
        raise FilterConfigError(
            f"{path} must be a value or a list of values, not a map.",
            hint="A filter by object type may have the keys contacts, companies and deals only.",
        )
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise FilterConfigError(
            f"{path} must be a value or a list of values, not {_kind(value)}.",
            hint="A record without a value matches no filter; it can't be asked for.",
        )
    return str(value)


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "an empty text" if not value.strip() else "a text"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a map" if isinstance(value, Mapping) else "a list"
