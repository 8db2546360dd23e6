"""The lifecycle of a contact: the stages of the funnel, which properties date them, and what a lead is."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from coppermind_pipeline.crm.portal.definitions import PropertyDefinition
from coppermind_pipeline.crm.portal.stages import entered_properties

# Whoever is in one of them has reached those before; HubSpot's other stages, and a portal's own, imply nothing.
FUNNEL_STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
_BESIDE_THE_FUNNEL = ("subscriber", "evangelist", "other")

POSTPONED_STATUS = "BAD_TIMING"
STUCK_STAGES = FUNNEL_STAGES[:3]
STUCK_AFTER = timedelta(days=90)

_LEAD_STAGES = (*FUNNEL_STAGES, "evangelist")


def lead_stages_of(lifecycle: PropertyDefinition | None) -> tuple[str, ...]:
    """Return the lifecycle stages that are lead or later: by the portal's own order, else HubSpot's default one.

    HubSpot's stage "other" stands last, but is none of the journey's.
    """
    stages = list(lifecycle.options) if lifecycle is not None else []
    if "lead" not in stages:
        return _LEAD_STAGES
    return tuple(stage for stage in stages[stages.index("lead") :] if stage != "other")


def lifecycle_stages(lifecycle: PropertyDefinition | None) -> tuple[str, ...]:
    """Return the stages that a contact can be in: HubSpot's own and the portal's."""
    own = lifecycle.options if lifecycle is not None else ()
    return tuple(dict.fromkeys((*FUNNEL_STAGES, *_BESIDE_THE_FUNNEL, *own)))


def dates_of_entry(stage: str, defined: Collection[str] = ()) -> tuple[str, ...]:
    """Return the properties that say when a contact entered a lifecycle stage; the first that has a date counts.

    HubSpot has three generations of them. `defined` are the names that the portal defines.
    """
    lowered = stage.lower()
    return *entered_properties(stage, defined), f"hs_lifecyclestage_{lowered}_date", f"hs_date_entered_{lowered}"


def required_dates_of_entry(stages: Sequence[str], defined: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names to ask for with each contact, where not all that the portal defines can be had."""
    names = {name for stage in stages for name in entered_properties(stage, defined)}
    return tuple(sorted(name for name in names if not defined or name in defined))
