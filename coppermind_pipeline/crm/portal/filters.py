"""Filters: which records stay out of memories, synthesis and reports, and the reason that a person reads."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from coppermind_pipeline.crm.mail import PUBLIC_MAIL_DOMAINS, canonical_domain, canonical_email, domain_and_parents
from coppermind_pipeline.crm.portal.definitions import PropertyDefinition
from coppermind_pipeline.crm.portal.filter_config import (
    EXCLUDED_DOMAIN_KEYS,
    EXCLUDED_EMAIL_KEYS,
    PROPERTY_FILTER_KEYS,
    FilterConfigError,
    check_filter_setting,
    is_scoped,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import did_you_mean, some_listed

Definitions = Mapping[ObjectType, Mapping[str, PropertyDefinition]]

_VALUES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterProblem:
    """Something about the filters that a person should know.

    `config`: it can't be applied, so that its object types are unfinished. `warning`: it is applied, or ignored safely.
    """

    kind: Literal["config", "warning"]
    code: str
    message: str
    hint: str = ""
    object_types: tuple[ObjectType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyFilter:
    """Records pass where the property has one of the values, compared exactly on HubSpot's internal values."""

    definition: PropertyDefinition
    values: frozenset[str]
    reason: str

    def passes(self, properties: Mapping[str, str | None]) -> bool:
        """Say whether a record passes: a missing value never does, a multi-select does with one of its values."""
        value = properties.get(self.definition.name)
        if not value:
            return False
        return value in self.values or not self.values.isdisjoint(self.definition.values_of(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """A connector's filters, compiled against the portal's definitions.

    Attributes:
        excluded_emails: canonical addresses.
        excluded_domains: canonical domain → the reason that a contact there is filtered; subdomains are meant too.
        by_property: those of each object type; a record must pass all.
        problems: what to show in status, diagnostics and caveats.
        unfinished: object types with a filter that can't be applied: nothing of them may be queued as a memory.
        applied: by key, what records are filtered by: the settings without what can't be applied, or is ignored.
    """

    excluded_emails: frozenset[str] = frozenset()
    excluded_domains: Mapping[str, str] = field(default_factory=dict)
    by_property: Mapping[ObjectType, tuple[PropertyFilter, ...]] = field(default_factory=dict)
    problems: tuple[FilterProblem, ...] = ()
    unfinished: frozenset[ObjectType] = frozenset()
    applied: Mapping[str, Any] = field(default_factory=dict)

    def reason(self, object_type: ObjectType, properties: Mapping[str, str | None]) -> str | None:
        """Return why a record is filtered, as a phrase; None where it is not."""
        if object_type is ObjectType.CONTACTS and (self.excluded_emails or self.excluded_domains):
            reason = self._mail_reason(properties.get("email"))
            if reason is not None:
                return reason
        for property_filter in self.by_property.get(object_type, ()):
            if not property_filter.passes(properties):
                return property_filter.reason
        return None

    def properties_of(self, object_type: ObjectType) -> frozenset[str]:
        """Return the names of the properties that records of a type are filtered by."""
        return frozenset(each.definition.name for each in self.by_property.get(object_type, ()))

    def _mail_reason(self, email: str | None) -> str | None:
        canonical = canonical_email(email) if email else None
        if canonical is None:
            return None
        address, domain = canonical
        if address in self.excluded_emails:
            return f"e-mail address {address} is excluded"
        return next((r for d in domain_and_parents(domain) if (r := self.excluded_domains.get(d)) is not None), None)


def compile_filters(
    config: Mapping[str, Any],
    *,
    company_info: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
) -> Filters:
    """Compile a connector's configuration and its mind's `company_info` into filters; never raises.

    Args:
        config: the connector's configuration; keys that are no filters are passed over.
        company_info: holds the client's own `domain` / `domains`.
        definitions: the portal's. A type whose definitions are not known yet (none, or an empty map) is filtered
            without a check that it has the property.

    What can't be applied is a problem of kind `config` and makes its object types unfinished.
    """
    definitions = definitions or {}
    problems: list[FilterProblem] = []
    settings = dict(_settings(config, problems))
    emails = frozenset(email for key in EXCLUDED_EMAIL_KEYS for email in settings.get(key, ()))
    own_domains = _own_domains(company_info or {}, problems)
    domains = {domain: f"e-mail domain {domain} is the client's own" for own in own_domains.values() for domain in own}
    domains.update(
        (domain, f"e-mail domain {domain} is excluded")
        for key in EXCLUDED_DOMAIN_KEYS
        for domain in settings.get(key, ())
    )
    applied: dict[str, Any] = {f"company_info.{key}": own for key, own in own_domains.items()}
    applied |= {key: settings[key] for key in (*EXCLUDED_EMAIL_KEYS, *EXCLUDED_DOMAIN_KEYS) if settings.get(key)}
    by_property: defaultdict[ObjectType, list[PropertyFilter]] = defaultdict(list)
    for key in PROPERTY_FILTER_KEYS:
        for object_type, name, values in _by_type(key, settings.get(key, {}), definitions, problems):
            known = definitions.get(object_type)
            definition = known.get(name) if known else PropertyDefinition(name=name)
            if definition is None or definition.missing:
                problems.append(_unknown_property(key, name, (object_type,), definitions))
                continue
            problems.extend(_unknown_values(key, object_type, definition, values))
            by_property[object_type].append(
                PropertyFilter(definition=definition, values=frozenset(values), reason=_reason(name, values))
            )
            applied.setdefault(key, {}).setdefault(object_type.value, {})[name] = values
    return Filters(
        excluded_emails=emails,
        excluded_domains=domains,
        by_property={object_type: tuple(filters) for object_type, filters in by_property.items()},
        problems=tuple(problems),
        unfinished=frozenset(t for problem in problems if problem.kind == "config" for t in problem.object_types),
        applied=applied,
    )


def _settings(config: Mapping[str, Any], problems: list[FilterProblem]) -> Iterable[tuple[str, Any]]:
    """Yield the checked settings; a wrong shape makes every object type that the key may concern unfinished."""
    for keys, concerned in (
        ((*EXCLUDED_EMAIL_KEYS, *EXCLUDED_DOMAIN_KEYS), (ObjectType.CONTACTS,)),
        (PROPERTY_FILTER_KEYS, tuple(ObjectType)),
    ):
        for key in keys:
            if config.get(key) is None:
                continue
            try:
                yield key, check_filter_setting(key, config[key])
            except FilterConfigError as error:
                problems.append(
                    FilterProblem(
                        kind="config",
                        code=error.code,
                        message=error.message,
                        hint=error.hint,
                        object_types=concerned,
                    )
                )


def _own_domains(company_info: Mapping[str, Any], problems: list[FilterProblem]) -> dict[str, list[str]]:
    """Return the client's domains by the key that names them; a key that names none is left out."""
    domains: defaultdict[str, list[str]] = defaultdict(list)
    for key in ("domain", "domains"):
        value = company_info.get(key)
        entries = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
        for entry in entries:
            domain = canonical_domain(entry) if isinstance(entry, str) else None
            if domain in PUBLIC_MAIL_DOMAINS:
                problems.append(
                    FilterProblem(
                        kind="warning",
                        code="public_mail_domain",
                        message=f"company_info names the public mail domain {domain}; it is ignored as a filter.",
                        hint="Correct the mind's domain, or exclude single addresses with hubspot_excluded_emails.",
                        object_types=(ObjectType.CONTACTS,),
                    )
                )
            elif domain is not None:
                domains[key].append(domain)
            elif not isinstance(entry, str) or entry.strip():
                problems.append(
                    FilterProblem(
                        kind="warning",
                        code="unreadable_company_domain",
                        message=f"company_info.{key}: {entry!r} is not a domain such as acme.com; it is ignored.",
                        object_types=(ObjectType.CONTACTS,),
                    )
                )
    return domains


def _by_type(
    key: str, setting: Mapping[str, Any], definitions: Definitions, problems: list[FilterProblem]
) -> Iterable[tuple[ObjectType, str, list[str]]]:
    if is_scoped(setting):
        for object_type, properties in setting.items():
            yield from ((ObjectType(object_type), name, values) for name, values in properties.items())
        return
    for name, values in setting.items():
        having = [
            object_type
            for object_type in ObjectType
            if not (known := definitions.get(object_type)) or (name in known and not known[name].missing)
        ]
        if not having:
            problems.append(_unknown_property(key, name, tuple(ObjectType), definitions))
        yield from ((object_type, name, values) for object_type in having)


def _unknown_property(
    key: str, name: str, object_types: tuple[ObjectType, ...], definitions: Definitions
) -> FilterProblem:
    known = sorted({known for object_type in object_types for known in definitions.get(object_type, ())} - {name})
    return FilterProblem(
        kind="config",
        code="unknown_filter_property",
        message=f"{key} filters {', '.join(object_types)} by {name!r}, a property that the portal does not have.",
        hint=did_you_mean(name, known, otherwise="Use the property's internal name in HubSpot.", quoted=True),
        object_types=object_types,
    )


def _unknown_values(
    key: str, object_type: ObjectType, definition: PropertyDefinition, values: list[str]
) -> Iterable[FilterProblem]:
    unknown = [value for value in values if definition.options and value not in definition.options]
    if not unknown:
        return
    values_by_label = {label.casefold(): value for value, label in definition.options.items()}
    meant = [values_by_label[value.casefold()] for value in unknown if value.casefold() in values_by_label]
    yield FilterProblem(
        kind="warning",
        code="unknown_filter_value",
        message=f"{key}: {definition.name!r} of {object_type} has no option {_shown(unknown)}.",
        hint=f"Filters compare internal values: {_shown(meant)}." if meant else "Filters compare internal values.",
        object_types=(object_type,),
    )


def _reason(name: str, values: list[str]) -> str:
    return f"{name} is not {values[0]}" if len(values) == 1 else f"{name} is not one of: {_shown(values)}"


def _shown(values: list[str]) -> str:
    return some_listed(values, most=_VALUES_SHOWN)
