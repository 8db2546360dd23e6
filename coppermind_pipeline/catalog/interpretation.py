"""The interpretation: what a connector's records mean, by what its portal defines and what a person configured."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import Connection, text

from coppermind_pipeline import crm, store
from coppermind_pipeline.catalog.definitions import load_definitions, load_stages
from coppermind_pipeline.catalog.portals import load_portal
from coppermind_pipeline.object_types import ObjectType

# Raised when the rules of `crm` change, so that every record is interpreted again from the raw log.
RULES_VERSION = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """The settings that records are interpreted by; those of filters as JSON, without the keys that are not set."""

    filters: Mapping[str, Any]
    late_stage_probability: Decimal
    loss_reason_property: str

    def with_company(self, company_info: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings as JSON with the mind's own domains, which filters follow, too.

        Stored when records are interpreted, so that a change that waits can be told.
        """
        return {
            **self.filters,
            "late_stage_probability": str(self.late_stage_probability),
            "hubspot_loss_reason_property": self.loss_reason_property,
            **{f"{_COMPANY_KEY}{key}": company_info[key] for key in ("domain", "domains") if company_info.get(key)},
        }

    @classmethod
    def of_applied(cls, applied: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return the settings, and the mind's own domains, that `with_company` returned once."""
        company = {name.removeprefix(_COMPANY_KEY): each for name, each in applied.items() if name in _COMPANY_KEYS}
        settings = cls(
            filters={name: each for name, each in applied.items() if name in crm.FILTER_KEYS},
            late_stage_probability=Decimal(applied["late_stage_probability"]),
            loss_reason_property=applied["hubspot_loss_reason_property"],
        )
        return settings, company

    def wait(self, company_info: Mapping[str, Any], *, applied: Mapping[str, Any] | None) -> bool:
        """Say whether records are still interpreted by other settings than these; `applied` None: by none at all."""
        return self.with_company(company_info) != applied


@dataclass(frozen=True, slots=True)
class Interpretation:
    """The meaning in force, a digest of all that it depends on, and of that the settings that a person chose.

    The digest has a part for what filters depend on alone.
    """

    meaning: crm.Meaning
    digest: str
    settings: dict[str, Any]

    def differs_in_filters_alone(self, digest: str) -> bool:
        """Say whether records that were interpreted by that digest would differ in being filtered, and nothing else."""
        return digest != self.digest and _of_values(digest) == _of_values(self.digest)


def load_interpretation(
    connection: Connection,
    connector_id: str,
    settings: RecordSettings,
    *,
    company_info: Mapping[str, Any] | None = None,
) -> Interpretation:
    """Return what records mean by the stored definitions, stages and account details, and these settings.

    Args:
        company_info: the mind's own domains, which filters follow; None: those of today.
    """
    portal = load_portal(connection, connector_id)
    definitions = load_definitions(connection, connector_id)
    stages = load_stages(connection, connector_id)
    stored = connection.scalar(text(_COMPANY_INFO)) if company_info is None else company_info
    company: Mapping[str, Any] = stored or {}
    meaning = crm.Meaning(
        company_currency=portal.company_currency,
        time_zone=portal.zone or UTC,
        stages={(stage.pipeline_id, stage.stage_id): stage for stage in stages},
        definitions=definitions,
        late_stage_probability=settings.late_stage_probability,
        loss_reason_property=settings.loss_reason_property,
        filters=crm.compile_filters(settings.filters, company_info=company, definitions=definitions),
    )
    types = [
        (object_type, name, definition.type, definition.missing)
        for object_type, known in definitions.items()
        for name, definition in known.items()
    ]
    # Options of reasons: by their labels some say nothing.
    reasons = [
        (name, sorted(definition.options.items()))
        for name in (settings.loss_reason_property, "closed_won_reason")
        if (definition := definitions[ObjectType.DEALS].get(name)) is not None
    ]
    lifecycle = crm.lifecycle_stages(definitions[ObjectType.CONTACTS].get("lifecyclestage"))
    values_depend_on = (
        RULES_VERSION, (portal.time_zone, portal.company_currency), sorted(stages, key=repr), sorted(types),
        settings.late_stage_probability, settings.loss_reason_property, reasons, sorted(lifecycle),
    )  # fmt: skip
    digest = _DIGEST_PARTS.join((_digest(values_depend_on), _digest((settings.filters, company))))
    return Interpretation(meaning, digest, settings.with_company(company))


def note_applied(connection: Connection, connector_id: str, interpretation: Interpretation) -> None:
    """Note what all stored records are interpreted by, for those who say so: reports, synthesis, memories."""
    applied = {"settings": interpretation.settings, "filters": dict(interpretation.meaning.filters.applied)}
    store.note_applied(connection, connector_id, "normalize", applied)


def settings_wait(connection: Connection, connector_id: str, settings: RecordSettings) -> bool:
    """Say whether records are still interpreted by other settings than those that are configured now."""
    applied, company_info = load_applied(connection, connector_id)
    return settings.wait(company_info, applied=applied)


def load_applied(connection: Connection, connector_id: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the settings that the stored records are interpreted by, if there are any, and the mind's company."""
    row = connection.execute(text(_APPLIED), {"connector": connector_id}).one()
    return row.settings, row.company_info or {}


def _digest(depends_on: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(depends_on).encode()).hexdigest()


def _of_values(digest: str) -> str:
    return digest.partition(_DIGEST_PARTS)[0]


_DIGEST_PARTS = "."

_COMPANY_KEY = "company_info."
_COMPANY_KEYS = frozenset({f"{_COMPANY_KEY}domain", f"{_COMPANY_KEY}domains"})

_COMPANY_INFO = "SELECT company_info FROM minds WHERE id = current_mind()"

_APPLIED = """
SELECT minds.company_info, interpretation.settings
  FROM minds LEFT JOIN interpretations AS interpretation ON interpretation.connector_id = :connector
 WHERE minds.id = current_mind()
"""
