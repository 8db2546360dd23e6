"""The aggregates of synthesis, and when one of them is skipped rather than published with figures that mislead."""

from collections.abc import Mapping
from enum import StrEnum

from coppermind_pipeline.crm import Filters
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import count, listed

RECORDS_MIN = 5


class Aggregate(StrEnum):
    """What an aggregate memory speaks of; the word in source refs, in `aggregate_scope` and in figures."""

    CHANNEL_MIX = "channel_mix"
    GEOGRAPHY = "geography"
    LEAD_LEAKS = "lead_leaks"
    LOSS_THEMES = "loss_themes"
    STRATEGY = "strategy"


# Whose records an aggregate counts: where their filters can't be applied, its figures would cover the wrong ones.
_READS: Mapping[Aggregate, tuple[ObjectType, ...]] = {
    Aggregate.CHANNEL_MIX: (ObjectType.CONTACTS, ObjectType.COMPANIES, ObjectType.DEALS),
    Aggregate.GEOGRAPHY: (ObjectType.CONTACTS, ObjectType.COMPANIES, ObjectType.DEALS),
    Aggregate.LEAD_LEAKS: (ObjectType.CONTACTS,),
    Aggregate.LOSS_THEMES: (ObjectType.DEALS,),
    Aggregate.STRATEGY: (),
}

_SOURCE = frozenset({"hs_analytics_source"})
_OUTCOME = frozenset({"dealstage", "hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost"})
_PLACE = frozenset({"country", "state", "city", "hs_country_code", "hs_country_region_code", "hs_state_code"})
_MEASURES: Mapping[Aggregate, Mapping[ObjectType, frozenset[str]]] = {
    Aggregate.CHANNEL_MIX: {
        ObjectType.CONTACTS: _SOURCE,
        ObjectType.COMPANIES: _SOURCE,
        ObjectType.DEALS: _SOURCE | _OUTCOME,
    },
    Aggregate.GEOGRAPHY: {ObjectType.CONTACTS: _PLACE, ObjectType.COMPANIES: _PLACE},
    Aggregate.LEAD_LEAKS: {ObjectType.CONTACTS: frozenset({"lifecyclestage", "hs_lead_status"})},
}


def filter_skip_reason(aggregate: Aggregate, filters: Filters, *, loss_reason_property: str) -> str | None:
    """Return why the filters in force keep an aggregate from being published, as a sentence; None where they don't.

    A share of what a filter has picked by the very property that is measured is a figure of the filter, not of the
    portal. Strategy measures nothing by itself.
    """
    unfinished = [object_type for object_type in _READS[aggregate] if object_type in filters.unfinished]
    if unfinished:
        return f"The filters on {listed(unfinished)} can't be applied until the configuration is corrected."
    measured = dict(_MEASURES.get(aggregate, {}))
    if aggregate is Aggregate.LOSS_THEMES:
        measured[ObjectType.DEALS] = frozenset({loss_reason_property})
    for object_type, names in measured.items():
        for each in filters.by_property.get(object_type, ()):
            if each.definition.name in names:
                label = f" ({each.definition.label})" if each.definition.label else ""
                return f"A filter picks {object_type} by the very property that is measured here{label}."
    return None


def too_few_reason(records: int, noun: str) -> str | None:
    """Return why so few records make no synthesis, as a sentence; None where there are enough."""
    if records >= RECORDS_MIN:
        return None
    return f"Only {count(records, noun)} to speak of, and at least {RECORDS_MIN} are needed."
