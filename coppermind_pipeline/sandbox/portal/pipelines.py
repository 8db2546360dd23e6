"""Deal pipelines and their stages, and the lifecycle pipelines of contacts and companies."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from coppermind_pipeline.sandbox.portal.object_kinds import DEALS, ObjectKind

_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; probability 1.0 and closed is won, 0.0 and closed is lost."""

    id: str
    label: str
    probability: float | None
    closed: bool

    @property
    def won(self) -> bool:
        """Whether a deal here is closed and won."""
        return self.closed and self.probability == 1

    def document(self, order: int, moment: str) -> dict[str, Any]:
        """Spell it as the API does: metadata are strings."""
        metadata = {"isClosed": str(self.closed).lower()}
        if self.probability is None:
            metadata["state"] = "CLOSED" if self.closed else "OPEN"
        else:
            metadata["probability"] = str(float(self.probability))
        return {
            "label": self.label,
            "displayOrder": order,
            "metadata": metadata,
            "id": self.id,
            "createdAt": moment,
            "updatedAt": moment,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
        }


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline with its stages in order."""

    id: str
    label: str
    stages: tuple[Stage, ...]
    created: str = _EPOCH
    archived: bool = False

    def document(self, order: int) -> dict[str, Any]:
        """Spell it as the API does."""
        return {
            "label": self.label,
            "displayOrder": order,
            "id": self.id,
            "stages": [stage.document(n, self.created) for n, stage in enumerate(self.stages)],
            "createdAt": self.created,
            "updatedAt": self.created,
            "archived": self.archived,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Pipeline":
        """Read a pipeline as the API spells it; raises ValueError where id, label or stages are missing."""
        try:
            stages = tuple(_stage(stage) for stage in document["stages"])
            return cls(
                document["id"],
                document["label"],
                stages,
                document.get("createdAt", _EPOCH),
                document.get("archived", False),
            )
        except KeyError as error:
            raise ValueError(f"a pipeline lacks {error}") from error

    def with_stage(self, stage: Stage) -> "Pipeline":
        """Return the pipeline with a stage added, or the one of that id replaced."""
        if any(s.id == stage.id for s in self.stages):
            return replace(self, stages=tuple(stage if s.id == stage.id else s for s in self.stages))
        return replace(self, stages=(*self.stages, stage))

    def without_stage(self, stage_id: str) -> "Pipeline":
        """Return the pipeline without a stage: deals that are in it keep naming it."""
        return replace(self, stages=tuple(s for s in self.stages if s.id != stage_id))


@dataclass(slots=True)
class Pipelines:
    """All pipelines of a portal, by kind of record."""

    by_kind: dict[ObjectKind, list[Pipeline]] = field(default_factory=dict)
    _stages: dict[str, Stage] = field(default_factory=dict)

    def put(self, kind: ObjectKind, pipelines: Iterable[Pipeline]) -> None:
        """Replace a kind's pipelines."""
        self.by_kind[kind] = list(pipelines)
        self._stages = {s.id: s for p in self.by_kind.get(DEALS, []) for s in p.stages}

    def deal_stage(self, stage_id: str | None) -> Stage | None:
        """Find a deal stage by id; None where it does not exist (any more)."""
        return self._stages.get(stage_id or "")

    def documents(self, kind: ObjectKind) -> list[dict[str, Any]]:
        """Return a kind's pipelines as the API spells them."""
        return [p.document(order) for order, p in enumerate(self.by_kind.get(kind, []))]


def _stage(document: dict[str, Any]) -> Stage:
    metadata = document.get("metadata", {})
    probability = metadata.get("probability")
    closed = str(metadata.get("isClosed", "false")).lower() == "true"
    return Stage(document["id"], document["label"], None if probability is None else float(probability), closed)


SALES_PIPELINE = Pipeline(
    "default",
    "Sales Pipeline",
    (
        Stage("appointmentscheduled", "Appointment Scheduled", 0.2, closed=False),
        Stage("qualifiedtobuy", "Qualified To Buy", 0.4, closed=False),
        Stage("presentationscheduled", "Presentation Scheduled", 0.6, closed=False),
        Stage("decisionmakerboughtin", "Decision Maker Bought-In", 0.8, closed=False),
        Stage("contractsent", "Contract Sent", 0.9, closed=False),
        Stage("closedwon", "Closed Won", 1.0, closed=True),
        Stage("closedlost", "Closed Lost", 0.0, closed=True),
    ),
)
PARTNER_PIPELINE = Pipeline(
    "148203561",
    "Partner Renewals",
    (
        Stage("248117001", "Renewal Due", 0.3, closed=False),
        Stage("248117002", "Terms Discussed", 0.5, closed=False),
        Stage("248117003", "With Legal", 0.85, closed=False),
        Stage("248117004", "Renewed", 1.0, closed=True),
        Stage("248117005", "Not Renewed", 0.0, closed=True),
    ),
    created="2024-02-12T15:04:05.000Z",
)
#: A stage that was deleted in settings while deals were in it.
DELETED_STAGE_ID = "248117009"

LIFECYCLE_STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)


def lifecycle_pipeline(kind: ObjectKind) -> Pipeline:
    """Return the pipeline behind a kind's lifecycle stage."""
    stages = tuple(Stage(value, label, None, value == "customer") for value, label in LIFECYCLE_STAGES)
    return Pipeline(f"{kind.name}-lifecycle-pipeline", "Lifecycle Stage Pipeline", stages)
