"""Lead leaks: the leads that were disqualified, postponed or got stuck, by source and with what they are a part of."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection, RowMapping, text

from coppermind_pipeline.crm import PROSE_CHARS_MAX, Labels, PropertyDefinition, read_shown_text, says_no_reason
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.synthesis.aggregates.population import Population
from coppermind_pipeline.synthesis.aggregates.rates import Comparison, Rate, rates_by_source

LeakKind = Literal["disqualified", "postponed", "stuck"]
LEAK_KINDS: tuple[LeakKind, ...] = ("disqualified", "postponed", "stuck")

_REASON = re.compile(r"reason", re.IGNORECASE)
_DISQUALIFICATION = re.compile(r"(?:dis|un|non?)[\s_-]*qualif", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """The leads of one source, or all of them: each in at most one of the three."""

    source: str | None
    leads: int
    disqualified: int
    postponed: int
    stuck: int

    def of(self, kind: LeakKind) -> int:
        """Return how many leads leaked in one way."""
        return {"disqualified": self.disqualified, "postponed": self.postponed, "stuck": self.stuck}[kind]

    @property
    def leaked(self) -> int:
        """Leads that leaked in any way."""
        return self.disqualified + self.postponed + self.stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason of disqualification as HubSpot's internal value or a person's text, and the leads that have it."""

    value: str
    leads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadLeaks:
    """Lead leaks in all and by source, most leaked leads first.

    Attributes:
        reason_property: the contact property that gives reasons of disqualification; None where the portal has none.
        reasons: most frequent first; disqualified leads beyond them give no reason.
        rates: which leaks of a source stand out, once they are compared with all rates of the synthesis.
    """

    total: Leaks
    sources: tuple[Leaks, ...]
    reason_property: str | None
    reasons: tuple[Reason, ...]
    rates: Comparison = field(default_factory=Comparison)

    def rates_to_compare(self) -> list[Rate]:
        """Return the rates of the sources, of each kind."""
        return [
            rate
            for kind in LEAK_KINDS
            for rate in rates_by_source(kind, {each.source: (each.of(kind), each.leads) for each in self.sources})
        ]


def lead_leaks(
    connection: Connection, population: Population, *, contact_definitions: Mapping[str, PropertyDefinition]
) -> LeadLeaks:
    """Compute the lead leaks of the population that is laid out."""
    rows = connection.execute(text(_LEAKS)).mappings().all()
    total = next(row for row in rows if row["is_total"])
    sources = [_leaks(row) for row in rows if not row["is_total"]]
    name, reasons = _reasons(connection, population, contact_definitions)
    return LeadLeaks(
        total=_leaks(total),
        sources=tuple(sorted(sources, key=lambda each: (-each.leaked, -each.leads, each.source or ""))),
        reason_property=name,
        reasons=reasons,
    )


def reason_properties(definitions: Mapping[str, PropertyDefinition]) -> list[str]:
    """Return the contact properties whose name or label speaks of a reason of disqualification.

    HubSpot has no standard one for contacts, so that portals define their own.
    """
    return sorted(
        definition.name
        for definition in definitions.values()
        if not definition.missing
        and any(_REASON.search(text) and _DISQUALIFICATION.search(text) for text in (definition.name, definition.label))
    )


def _leaks(row: RowMapping) -> Leaks:
    return Leaks(**{str(name): value for name, value in row.items() if name != "is_total"})


def _reasons(
    connection: Connection, population: Population, definitions: Mapping[str, PropertyDefinition]
) -> tuple[str | None, tuple[Reason, ...]]:
    """Return the property that most disqualified leads have a reason in, and its values that say something."""
    properties = reason_properties(definitions)
    if not properties:
        return None, ()
    counts: dict[str, Counter[str]] = {name: Counter() for name in properties}
    statement = text(_REASONS.format(source=population.source))
    for row in connection.execute(statement, {"connector": population.connector_id, "names": properties}):
        value = _reason(definitions[row.property], row.value)
        if value is not None:
            counts[row.property][value] += row.leads
    name = max(properties, key=lambda each: counts[each].total())
    reasons = (Reason(value=value, leads=leads) for value, leads in counts[name].items())
    return name, tuple(sorted(reasons, key=lambda reason: (-reason.leads, reason.value)))


def _reason(definition: PropertyDefinition, value: str) -> str | None:
    """Return a reason as it is stored or, where a person wrote it, as it is seen; None where it says nothing."""
    read = value if definition.type == "enumeration" else read_shown_text(value, chars_max=PROSE_CHARS_MAX)
    if read is None:
        return None
    known = Labels(definitions={ObjectType.CONTACTS: {definition.name: definition}})
    label = known.option(ObjectType.CONTACTS, definition.name, read)
    return None if label.resolved and says_no_reason(label.text) else read


_LEAKS = """
SELECT grouping(source) = 1 AS is_total, source, count(*) AS leads,
       count(*) FILTER (WHERE leak = 'disqualified') AS disqualified,
       count(*) FILTER (WHERE leak = 'postponed') AS postponed,
       count(*) FILTER (WHERE leak = 'stuck') AS stuck
  FROM counted_contacts WHERE is_lead GROUP BY GROUPING SETS ((source), ())
"""

_REASONS = """
SELECT property, btrim(stored.properties ->> property) AS value, count(*) AS leads
  FROM counted_contacts contact
  JOIN {source.live} stored
    ON stored.connector_id = :connector AND stored.object_type = 'contacts' AND stored.hubspot_id = contact.hubspot_id
 CROSS JOIN unnest(CAST(:names AS text[])) AS property
 WHERE contact.leak = 'disqualified' AND btrim(stored.properties ->> property) <> ''
 GROUP BY 1, 2
"""
