"""The figures of all aggregates: computed together, stored as JSON, and read back to say what changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from coppermind_pipeline.crm import Filters, Labels
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.synthesis.aggregates.aggregate import Aggregate, filter_skip_reason, too_few_reason
from coppermind_pipeline.synthesis.aggregates.channel_mix import ChannelMix, channel_mix
from coppermind_pipeline.synthesis.aggregates.deal_signals import deal_signals
from coppermind_pipeline.synthesis.aggregates.geography import Geography, geography
from coppermind_pipeline.synthesis.aggregates.lead_leaks import LeadLeaks, lead_leaks
from coppermind_pipeline.synthesis.aggregates.loss_themes import LossThemes, loss_themes
from coppermind_pipeline.synthesis.aggregates.population import Population, lay_out
from coppermind_pipeline.synthesis.aggregates.rates import compare, import_ahead
from coppermind_pipeline.synthesis.aggregates.strategy import Strategy, strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of each aggregate that was not skipped, and why the others were."""

    channel_mix: ChannelMix | None = None
    geography: Geography | None = None
    lead_leaks: LeadLeaks | None = None
    loss_themes: LossThemes | None = None
    strategy: Strategy | None = None
    skipped: Mapping[Aggregate, str]

    def as_json(self) -> dict[str, Any]:
        """Return the figures by aggregate, with amounts as decimal strings."""
        return {
            aggregate.value: _ADAPTERS[aggregate].dump_python(figures, mode="json")
            for aggregate in Aggregate
            if (figures := getattr(self, aggregate.value)) is not None
        }


def compute_figures(
    connection: Connection, population: Population, *, labels: Labels, filters: Filters, loss_reason_property: str
) -> Figures:
    """Compute every aggregate from the connector's records, as far as it has enough to speak of."""
    import_ahead()
    lay_out(connection, population)
    mix = channel_mix(connection)
    places = geography(connection)
    leaks = lead_leaks(
        connection,
        population,
        contact_definitions=labels.definitions.get(ObjectType.CONTACTS, {}),
    )
    losses = loss_themes(connection, label_of=lambda value: labels.loss_reason(loss_reason_property, value))
    enough = {
        Aggregate.CHANNEL_MIX: too_few_reason(mix.total.contacts + mix.total.deals, "record"),
        Aggregate.GEOGRAPHY: too_few_reason(places.total.deals, "won deal"),
        Aggregate.LEAD_LEAKS: too_few_reason(leaks.total.leads, "lead"),
        Aggregate.LOSS_THEMES: too_few_reason(losses.total.deals, "lost deal"),
    }
    skipped = {
        aggregate: reason
        for aggregate, too_few in enough.items()
        if (reason := filter_skip_reason(aggregate, filters, loss_reason_property=loss_reason_property) or too_few)
    }
    tells_mix, tells_leaks = Aggregate.CHANNEL_MIX not in skipped, Aggregate.LEAD_LEAKS not in skipped
    win_rates, leak_rates = compare(
        mix.rates_to_compare() if tells_mix else (), leaks.rates_to_compare() if tells_leaks else ()
    )
    told = {
        "channel_mix": replace(mix, win_rates=win_rates) if tells_mix else None,
        "geography": places if Aggregate.GEOGRAPHY not in skipped else None,
        "lead_leaks": replace(leaks, rates=leak_rates) if tells_leaks else None,
        "loss_themes": losses if Aggregate.LOSS_THEMES not in skipped else None,
    }
    if not any(told.values()):
        skipped[Aggregate.STRATEGY] = "None of the four scopes that it summarizes could be published."
        return Figures(skipped=skipped)
    signals = deal_signals(connection, population)
    return Figures(**told, strategy=strategy(**told, signals=signals), skipped=skipped)


def read_figures(stored: Mapping[str, Any]) -> Figures:
    """Return figures that were stored; those of an aggregate whose shape has changed since are left out."""
    read = {}
    for aggregate in Aggregate:
        if aggregate in stored:
            try:
                read[aggregate.value] = _ADAPTERS[aggregate].validate_python(stored[aggregate])
            except ValidationError:
                continue
    return Figures(**read, skipped={})


_ADAPTERS: Mapping[Aggregate, TypeAdapter[Any]] = {
    Aggregate.CHANNEL_MIX: TypeAdapter(ChannelMix),
    Aggregate.GEOGRAPHY: TypeAdapter(Geography),
    Aggregate.LEAD_LEAKS: TypeAdapter(LeadLeaks),
    Aggregate.LOSS_THEMES: TypeAdapter(LossThemes),
    Aggregate.STRATEGY: TypeAdapter(Strategy),
}
