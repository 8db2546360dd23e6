"""Random histories of a portal: what people, workflows and HubSpot do to it, and whether it could be done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from coppermind_pipeline.sandbox import ControlClient, ControlError
from coppermind_pipeline.sandbox import ObjectType as Kind

DAY_MS = 86_400_000
_KINDS: tuple[Kind, ...] = ("contacts", "companies", "deals")
LABELS = ("Decision maker", "Blocker", None)
CALCULATED: dict[Kind, str] = {
    "deals": "hs_projected_amount",
    "contacts": "num_associated_deals",
    "companies": "num_associated_deals",
}
EDITED: dict[Kind, str] = {"deals": "dealname", "contacts": "city", "companies": "city"}


@dataclass(slots=True)
class History:
    """One portal's changes, drawn from `random`; `done` tells them, for whoever has to understand a failure."""

    portal: ControlClient
    random: Random
    done: list[str] = field(default_factory=list)
    _live: dict[Kind, set[str]] = field(init=False)
    _highest: dict[Kind, int] = field(init=False)
    _archived: set[tuple[Kind, str]] = field(default_factory=set)
    _numbers: int = 0

    def __post_init__(self) -> None:
        state = self.portal.export()
        self._live = {kind: set(state.live(kind)) for kind in _KINDS}
        self._highest = {
            kind: max((int(r.id) for r in state.records if r.object_type == kind), default=0) for kind in _KINDS
        }

    def happen(self) -> None:
        """Let one thing happen; one that makes no sense at the moment does not."""
        action, _ = self.random.choices(*zip(*((item, item[1]) for item in _ACTIONS), strict=True))[0]
        try:
            said = action(self)
        except ControlError as error:
            said = f"not possible: {error}"
        self.done.append(f"{action.__name__}: {said}")

    def edit(self) -> str:
        object_type, records = self._some(self.random.choice((1, 1, 3)))
        self.portal.edit(object_type, records, {EDITED[object_type]: self._text()})
        return f"{object_type} {records}"

    def move_deal(self) -> str:
        records = self._of("deals", 1)
        stage = self.random.choice(("closedwon", "closedlost", "appointmentscheduled", "contractsent"))
        self.portal.edit("deals", records, {"dealstage": stage, "amount": str(self.random.randrange(10_000))})
        return f"{records} to {stage}"

    def clear(self) -> str:
        object_type, records = self._some(1)
        self.portal.edit(object_type, records, {EDITED[object_type]: None})
        return f"{object_type} {records}"

    def calculate(self) -> str:
        object_type, records = self._some(2)
        self.portal.edit(object_type, records, {CALCULATED[object_type]: str(self.random.randrange(99))}, touch=False)
        return f"{object_type} {records}"

    def create(self) -> str:
        object_type = self._type()
        record = self._born(object_type, self.portal.create(object_type, {EDITED[object_type]: self._text()}))
        return f"{object_type} {record}"

    def create_old(self) -> str:
        """Add a record from before the window, linked to a deal: imports do that."""
        object_type: Kind = self.random.choice(("contacts", "companies"))
        at_ms = self.portal.now_ms() - self.random.choice((900, 1_500)) * DAY_MS
        record = self.portal.create(object_type, {EDITED[object_type]: self._text()}, at_ms=at_ms)
        self._born(object_type, record)
        deal = self._of("deals", 1)[0]
        self.portal.associate(("deals", deal), (object_type, record))
        return f"{object_type} {record}, linked to deal {deal}"

    def archive(self) -> str:
        object_type, records = self._some(self.random.choice((1, 1, 2)))
        long_ago = self.portal.now_ms() - 100 * DAY_MS if self.random.random() < 0.3 else None
        self.portal.archive(object_type, records, at_ms=long_ago)
        self._archived.update((object_type, record) for record in records)
        self._live[object_type].difference_update(records)
        return f"{object_type} {records}"

    def restore(self) -> str:
        object_type, record = self._take_archived()
        self.portal.restore(object_type, [record])
        self._live[object_type].add(record)
        return f"{object_type} {record}"

    def purge(self) -> str:
        object_type, record = self._take_archived()
        self._require_later_ids(object_type, [record])
        self.portal.purge(object_type, [record])
        return f"{object_type} {record}"

    def erase(self) -> str:
        records = self._of("contacts", 1)
        self._require_later_ids("contacts", records)
        self.portal.erase("contacts", records)
        self._live["contacts"].difference_update(records)
        return f"contacts {records}"

    def merge(self) -> str:
        object_type, records = self._some(2)
        survivor = self.portal.merge(object_type, records[0], records[-1])
        self._live[object_type].difference_update(records)
        self._born(object_type, survivor)
        return f"{object_type} {records} into {survivor}"

    def associate(self) -> str:
        ends, label = self._ends(), self.random.choice(LABELS)
        self.portal.associate(*ends, label=label)
        return f"{ends} {label}"

    def disassociate(self) -> str:
        state = self.portal.export()
        links = [link for link in state.links if link.from_type == "deals"]
        if not links:
            return "nothing"
        link = self.random.choice(links)
        start, end = (link.from_type, link.from_id), (link.to_type, link.to_id)
        self.portal.disassociate(start, end, all_types=self.random.random() < 0.7)  # pyright: ignore[reportArgumentType]
        return f"{start} {end}"

    def define(self) -> str:
        object_type, records = self._some(2)
        name = f"later_{self._number()}"
        self.portal.set_property(object_type, {"name": name, "label": name, "type": "string"})
        self.portal.edit(object_type, records, {name: self._text()}, touch=self.random.random() < 0.3)
        return f"{object_type} {name} on {records}"

    def _born(self, object_type: Kind, record: str) -> str:
        self._live[object_type].add(record)
        self._highest[object_type] = max(self._highest[object_type], int(record))
        return record

    def _require_later_ids(self, object_type: Kind, records: list[str]) -> None:
        """Refuse to let the highest id go without a trace: the sandbox would give it to the next record."""
        if self._highest[object_type] in map(int, records):
            raise ControlError("it has the highest id")

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _text(self) -> str:
        return f"value {self._number()}"

    def _type(self) -> Kind:
        return self.random.choice(_KINDS)

    def _some(self, count: int) -> tuple[Kind, list[str]]:
        object_type = self._type()
        return object_type, self._of(object_type, count)

    def _of(self, object_type: Kind, count: int) -> list[str]:
        live = sorted(self._live[object_type])
        if not live:
            raise ControlError(f"no {object_type} left")
        return self.random.sample(live, min(count, len(live)))

    def _ends(self) -> tuple[tuple[Kind, str], tuple[Kind, str]]:
        object_type: Kind = self.random.choice(("contacts", "companies"))
        return ("deals", self._of("deals", 1)[0]), (object_type, self._of(object_type, 1)[0])

    def _take_archived(self) -> tuple[Kind, str]:
        if not self._archived:
            raise ControlError("nothing is archived")
        taken = self.random.choice(sorted(self._archived))
        self._archived.discard(taken)
        return taken


Action = Callable[[History], str]
_ACTIONS: tuple[tuple[Action, int], ...] = (
    (History.edit, 6),
    (History.move_deal, 3),
    (History.clear, 1),
    (History.calculate, 3),
    (History.create, 3),
    (History.create_old, 2),
    (History.archive, 3),
    (History.restore, 2),
    (History.purge, 1),
    (History.erase, 1),
    (History.merge, 3),
    (History.associate, 4),
    (History.disassociate, 3),
    (History.define, 1),
)
