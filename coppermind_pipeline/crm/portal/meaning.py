"""What a portal says about its records, and what follows from it once for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import cached_property

from coppermind_pipeline.crm.portal.definitions import PropertyDefinition
from coppermind_pipeline.crm.portal.filters import Filters
from coppermind_pipeline.crm.portal.lifecycle import dates_of_entry, lifecycle_stages
from coppermind_pipeline.crm.portal.stages import Outcome, Stage, StageKey, entered_properties, late_stages
from coppermind_pipeline.crm.values import rounded_probability
from coppermind_pipeline.object_types import ObjectType

LATE_STAGE_PROBABILITY = Decimal("0.8")
LOSS_REASON_PROPERTY = "closed_lost_reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """What being in a stage means for a deal."""

    outcome: Outcome
    late: bool
    probability: Decimal | None
    exists: bool


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a portal and its connector's configuration say about records; a new one is made where any of it changes.

    Attributes:
        company_currency: what a deal without a currency code is in.
        time_zone: the portal's; places `date` properties in time.
        stages: those of all deal pipelines, the disappeared ones too.
        definitions: by object type and property name.
        late_stage_probability: 0 to 1, inclusive.
        loss_reason_property: the deal property that holds the reason of a loss.
    """

    company_currency: str | None = None
    time_zone: tzinfo = UTC
    stages: Mapping[StageKey, Stage] = field(default_factory=dict)
    definitions: Mapping[ObjectType, Mapping[str, PropertyDefinition]] = field(default_factory=dict)
    late_stage_probability: Decimal = LATE_STAGE_PROBABILITY
    loss_reason_property: str = LOSS_REASON_PROPERTY
    filters: Filters = field(default_factory=Filters)

    @cached_property
    def stage_rules(self) -> Mapping[StageKey, StageRule]:
        """The stages' rules, by pipeline and stage."""
        late = late_stages(self.stages.values(), threshold=self.late_stage_probability)
        return {
            key: StageRule(
                outcome=stage.outcome,
                late=key in late,
                probability=None if stage.probability is None else rounded_probability(stage.probability),
                exists=not stage.missing,
            )
            for key, stage in self.stages.items()
        }

    @cached_property
    def pipeline_of_stage(self) -> Mapping[str, str]:
        """The pipeline of each stage whose id is in one pipeline only; for deals that don't name their pipeline."""
        pipelines: dict[str, set[str]] = {}
        for pipeline_id, stage_id in self.stages:
            pipelines.setdefault(stage_id, set()).add(pipeline_id)
        return {stage_id: next(iter(found)) for stage_id, found in pipelines.items() if len(found) == 1}

    @cached_property
    def entered_won_properties(self) -> Mapping[str, tuple[str, ...]]:
        """By pipeline: the properties that say when a deal entered one of its won stages."""
        defined = self.definitions.get(ObjectType.DEALS, {})
        names: dict[str, list[str]] = {}
        for stage in self.stages.values():
            if stage.outcome == "won":
                names.setdefault(stage.pipeline_id, []).extend(entered_properties(stage.stage_id, defined))
        return {pipeline_id: tuple(dict.fromkeys(found)) for pipeline_id, found in names.items()}

    @cached_property
    def lifecycle_dates(self) -> Mapping[str, tuple[str, ...]]:
        """By lifecycle stage: the properties that say when a contact entered it, in the order in which they count."""
        defined = self.definitions.get(ObjectType.CONTACTS, {})
        return {stage: dates_of_entry(stage, defined) for stage in lifecycle_stages(defined.get("lifecyclestage"))}

    @cached_property
    def date_properties(self) -> Mapping[ObjectType, frozenset[str]]:
        """By object type: the properties of type `date`, which are days without a zone."""
        return {
            object_type: frozenset(
                definition.name
                for definition in self.definitions.get(object_type, {}).values()
                if definition.type == "date"
            )
            for object_type in ObjectType
        }
