"""Labels: what a person reads instead of HubSpot's internal values and ids."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from coppermind_pipeline.crm.portal.definitions import PropertyDefinition
from coppermind_pipeline.crm.portal.stages import Stage, StageKey
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import capitalized

UNKNOWN_SOURCE = "Unknown source"

# Free text unless the portal defines them otherwise, so that their values can be shown without a definition.
_FREE_TEXT = frozenset({"closed_lost_reason", "closed_won_reason"})
_BOOLEAN_LABELS = {"true": "yes", "false": "no"}


@dataclass(frozen=True, slots=True)
class Label:
    """A text for people.

    Attributes:
        resolved: False where it only says that HubSpot has no label, or none any more.
        is_name: what the portal calls it, rather than words of ours about it.
        internal: it is the value as HubSpot stores it, since the portal calls it nothing else.
    """

    text: str
    resolved: bool = True
    is_name: bool = True
    internal: bool = False

    def __str__(self) -> str:
        return self.text

    @property
    def as_heading(self) -> str:
        """The text as it stands alone: words of ours begin with a capital, a name is as its owner writes it."""
        return self.text if self.is_name else capitalized(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A HubSpot owner, archived ones included: they keep their name on old records."""

    owner_id: str
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None

    @property
    def name(self) -> str | None:
        """First and last name, else the e-mail address."""
        names = [name.strip() for name in (self.first_name, self.last_name) if name and name.strip()]
        return " ".join(names) or (self.email or "").strip() or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Everything of a portal that has a label. Each method takes an internal value, or None where a record has none."""

    definitions: Mapping[ObjectType, Mapping[str, PropertyDefinition]] = field(default_factory=dict)
    owners: Mapping[str, Owner] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[StageKey, Stage] = field(default_factory=dict)
    # What was asked for already, of options alone: they repeat in each record, and texts have no end.
    _of_options: dict[tuple[ObjectType, str, str, str], Label] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def owner(self, owner_id: str | None) -> Label:
        """Return the owner's name."""
        if owner_id is None:
            return Label("no owner", is_name=False)
        owner = self.owners.get(owner_id)
        if owner is None:
            return _label(None, "an owner no longer in HubSpot")
        return _label(owner.name, "an owner without a name")

    def pipeline(self, pipeline_id: str | None) -> Label:
        """Return the pipeline's label."""
        if pipeline_id is None:
            return Label("no pipeline", is_name=False)
        nameless = "a pipeline without a name" if pipeline_id in self.pipelines else "a pipeline no longer in HubSpot"
        return _label(self.pipelines.get(pipeline_id), nameless, value=pipeline_id)

    def stage(self, pipeline_id: str | None, stage_id: str | None) -> Label:
        """Return the label of a stage within its pipeline; a stage that disappeared keeps it."""
        if stage_id is None:
            return Label("no stage", is_name=False)
        stage = self.stages.get((pipeline_id or "", stage_id))
        if stage is not None:
            return _label(stage.label, "a stage without a name", value=stage_id)
        elsewhere = next((each for (_, other_id), each in sorted(self.stages.items()) if other_id == stage_id), None)
        if elsewhere is not None and elsewhere.label:
            return Label(f'"{elsewhere.label}", a stage of another pipeline', is_name=False)
        return _label(None, "a stage no longer in HubSpot")

    def source(self, source: str | None) -> Label:
        """Return a source's label by the contacts' definition, for records of any type; "Unknown source" for None."""
        if source is None:
            return Label(UNKNOWN_SOURCE)
        # The three object types share the values, but HubSpot adds new ones to one of them first.
        for object_type in (ObjectType.CONTACTS, ObjectType.DEALS, ObjectType.COMPANIES):
            label = self.definitions.get(object_type, {}).get("hs_analytics_source", _NO_DEFINITION).options.get(source)
            if label:
                return _label(label, "", value=source)
        return Label("a source no longer in HubSpot", resolved=False, is_name=False)

    def lifecycle_stage(self, object_type: ObjectType, value: str | None) -> Label:
        """Return the label of a contact's or company's lifecycle stage."""
        return self._named(object_type, "lifecyclestage", value, "lifecycle stage")

    def lead_status(self, object_type: ObjectType, value: str | None) -> Label:
        """Return the label of a contact's or company's lead status."""
        return self._named(object_type, "hs_lead_status", value, "lead status")

    def deal_type(self, value: str | None) -> Label:
        """Return the label of a deal's type."""
        return self._named(ObjectType.DEALS, "dealtype", value, "deal type")

    def industry(self, object_type: ObjectType, value: str | None) -> Label:
        """Return the label of a company's industry; contacts have it as free text."""
        return self._named(object_type, "industry", value, "industry", article="an")

    def option(self, object_type: ObjectType, name: str, value: str | None) -> Label:
        """Return a value of any property as a person reads it: its options' labels, joined by commas, or the text.

        A value of a property without a definition is not shown: it may be internal.
        """
        return self._named(object_type, name, value, "value")

    def loss_reason(self, name: str, value: str) -> str | None:
        """Return a recorded reason as a person reads it; None where HubSpot has no label for it any more.

        Args:
            name: of the deal property that holds the reasons.
        """
        label = self.option(ObjectType.DEALS, name, value)
        return label.text if label.resolved else None

    def _named(self, object_type: ObjectType, name: str, value: str | None, noun: str, *, article: str = "a") -> Label:
        if value is None:
            return Label(f"no {noun}", is_name=False)
        gone = f"{article} {noun} no longer in HubSpot"
        definition = self.definitions.get(object_type, {}).get(name)
        if definition is None:
            return _label(value if name in _FREE_TEXT else None, gone, value=value)
        if definition.type == "bool":
            return _label(definition.options.get(value) or _BOOLEAN_LABELS.get(value.lower()), gone)
        if definition.type != "enumeration":
            return Label(value)
        asked = (object_type, name, value, noun)
        if asked not in self._of_options:
            self._of_options[asked] = _options_label(
                definition, value, gone=gone, nameless=f"{article} {noun} without a label"
            )
        return self._of_options[asked]


_NO_DEFINITION = PropertyDefinition(name="")


# What a person would not have called anything: PAID_SEARCH, 7101234, or an id of the longest kind.
_INTERNAL = re.compile(r"\w*_\w*|\d{5,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _label(text: str | None, gone: str, *, value: str | None = None) -> Label:
    """Return a label, or words where there is none; with the `value` it stands for, it is known to be that or not."""
    if not text:
        return Label(gone, resolved=False, is_name=False)
    return Label(text, internal=text.strip() == value and _INTERNAL.fullmatch(text.strip()) is not None)


def _options_label(definition: PropertyDefinition, value: str, *, gone: str, nameless: str) -> Label:
    """Return the labels of a value's options as one, or words for those that have none."""
    labels = {part: _option_label(definition, part) for part in definition.values_of(value)}
    found = [_label(label, nameless if label == "" else gone, value=part) for part, label in labels.items()]
    return Label(
        ", ".join(dict.fromkeys(label.text for label in found)),
        resolved=all(label.resolved for label in found),
        is_name=all(label.is_name for label in found),
        internal=any(label.internal for label in found),
    )


def _option_label(definition: PropertyDefinition, value: str) -> str | None:
    """Return an option's label, "" where HubSpot has none for it; None where there is no such option.

    Values are stored without surrounding space, which portals' own options may have.
    """
    label = definition.options.get(value)
    if label is None:
        label = next((label for option, label in definition.options.items() if option.strip() == value), None)
    return None if label is None else label.strip()
