"""What the control endpoints take, checked: an unknown field or a wrong type is a 400 that names it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from coppermind_pipeline.sandbox.state.faults import Fault

ObjectType = Literal["contacts", "companies", "deals"]


class ControlRequest(BaseModel):
    """A request to one portal; the first one where `hub_id` is left out."""

    model_config = ConfigDict(extra="forbid")

    hub_id: int | None = None


class CreatePortal(ControlRequest):
    """A further generated portal; sizes left out are the configuration's."""

    seed: int = 1
    contacts: int | None = Field(default=None, ge=0)
    companies: int | None = Field(default=None, ge=0)
    deals: int | None = Field(default=None, ge=0)


class NewRecord(BaseModel):
    """A record to create; without an id HubSpot chooses one."""

    model_config = ConfigDict(extra="forbid")

    properties: dict[str, str | None] = Field(default_factory=dict)
    id: int | None = Field(default=None, gt=0)


class Create(ControlRequest):
    """Records to create, all with one creation date."""

    object_type: ObjectType
    records: list[NewRecord]
    at_ms: int | None = None


class Records(ControlRequest):
    """Records by id."""

    object_type: ObjectType
    ids: list[int]
    at_ms: int | None = None


class Edit(ControlRequest):
    """Values to set (null: clear) on records by id, or on the first `first` live ones, or on all."""

    object_type: ObjectType
    ids: list[int] | None = None
    first: int | None = Field(default=None, ge=1)
    properties: dict[str, str | None] = Field(default_factory=dict)
    touch: bool = True
    at_ms: int | None = None
    spread_ms: int = Field(default=0, ge=0)


class Merge(ControlRequest):
    """Two records to merge."""

    object_type: ObjectType
    primary_id: int
    other_id: int


class Link(ControlRequest):
    """A link to add or remove; `label` names a type (`Primary`, or one of the portal's own, made if unknown)."""

    from_type: ObjectType
    from_id: int
    to_type: ObjectType
    to_id: int
    label: str | None = None
    #: On removal: all types of link between the two.
    all_types: bool = False


class Documents(ControlRequest):
    """Pipelines or owners, as the API spells them."""

    object_type: ObjectType = "deals"
    documents: list[dict[str, Any]]


class StageChange(ControlRequest):
    """A deal stage to add or replace; with `remove` it goes, and its properties with it."""

    pipeline_id: str
    stage_id: str
    label: str = ""
    probability: float = Field(default=0.5, ge=0, le=1)
    closed: bool = False
    remove: bool = False


class PropertyChange(ControlRequest):
    """A definition to add or replace, as the API spells it; or by name to archive or remove."""

    object_type: ObjectType
    document: dict[str, Any] | None = None
    archive: str | None = None
    remove: str | None = None


class LimitPolicy(BaseModel):
    """Calls per window."""

    model_config = ConfigDict(extra="forbid")

    calls: int = Field(ge=1)
    window_ms: int = Field(ge=1)


class SetLimits(ControlRequest):
    """Which limits hold; what is left out stays. `enforced` may be one truth value for all or one per budget."""

    enforced: bool | dict[Literal["search", "associations", "general"], bool] | None = None
    policies: dict[Literal["search", "associations", "general"], LimitPolicy] = Field(default_factory=dict)
    daily_calls_max: int | None = None


class SetSwitches(ControlRequest):
    """Switches by name; the others stay."""

    switches: dict[str, Any]


class SetApp(ControlRequest):
    """Settings of the app by name; the others stay."""

    settings: dict[str, Any]


class SetAccount(ControlRequest):
    """Account settings; what is left out stays."""

    time_zone: str | None = None
    company_currency: str | None = None
    additional_currencies: list[str] | None = None
    ui_domain: str | None = None


class IssueToken(ControlRequest):
    """Scopes of a token to be issued without asking anybody."""

    scopes: list[str]


class AdvanceClock(ControlRequest):
    """How far to move the clock."""

    milliseconds: int = Field(ge=0)


class SetLatency(ControlRequest):
    """Latency of each API answer."""

    milliseconds: float = Field(ge=0)


class AddFaults(ControlRequest):
    """Faults to set, after those set already."""

    faults: list[Fault]


class Nothing(ControlRequest):
    """A request without arguments."""
