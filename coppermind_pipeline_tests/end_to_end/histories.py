"""Random histories of a portal: what people, workflows and HubSpot do to it, and whether it could be done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from coppermind_pipeline.sandbox.control_client import ControlClient, ControlError

DAY_MS = 86_400_000
LABELS = ("Decision maker", "Blocker", None)
CALCULATED = {"deals": "hs_projected_amount", "contacts": "num_associated_deals", "companies": "num_associated_deals"}
EDITED = {"deals": "dealname", "contacts": "city", "companies": "city"}


@dataclass(slots=True)
class History:
    """One portal's changes, drawn from `random`; `done` tells them, for whoever has to understand a failure."""

    portal: ControlClient
    random: Random
    done: list[str] = field(default_factory=list)
    _archived: set[tuple[str, str]] = field(default_factory=set)
    _numbers: int = 0

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
        record = self.portal.create(object_type, {EDITED[object_type]: self._text()})
        return f"{object_type} {record}"

    def create_old(self) -> str:
        """Add a record from before the window, linked to a deal: imports do that."""
        object_type = self.random.choice(("contacts", "companies"))
        at_ms = self.portal.now_ms() - self.random.choice((900, 1_500)) * DAY_MS
        record = self.portal.create(object_type, {EDITED[object_type]: self._text()}, at_ms=at_ms)
        deal = self._of("deals", 1)[0]
        self.portal.associate(("deals", deal), (object_type, record))
        return f"{object_type} {record}, linked to deal {deal}"

    def archive(self) -> str:
        object_type, records = self._some(self.random.choice((1, 1, 2)))
        long_ago = self.portal.now_ms() - 100 * DAY_MS if self.random.random() < 0.3 else None
        self.portal.archive(object_type, records, at_ms=long_ago)
        self._archived.update((object_type, record) for record in records)
        return f"{object_type} {records}"

    def restore(self) -> str:
        object_type, record = self._take_archived()
        self.portal.restore(object_type, [record])
        return f"{object_type} {record}"

    def purge(self) -> str:
        object_type, record = self._take_archived()
        self.portal.purge(object_type, [record])
        return f"{object_type} {record}"

    def erase(self) -> str:
        records = self._of("contacts", 1)
        self.portal.erase("contacts", records)
        return f"contacts {records}"

    def merge(self) -> str:
        object_type, records = self._some(2)
        survivor = self.portal.merge(object_type, records[0], records[-1])
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

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _text(self) -> str:
        return f"value {self._number()}"

    def _type(self):
        return self.random.choice(("contacts", "companies", "deals"))

    def _some(self, count: int):
        object_type = self._type()
        return object_type, self._of(object_type, count)

    def _of(self, object_type, count: int) -> list[str]:
        live = sorted(self.portal.export().live(object_type))
        if not live:
            raise ControlError(f"no {object_type} left")
        return self.random.sample(live, min(count, len(live)))

    def _ends(self):
        object_type = self.random.choice(("contacts", "companies"))
        return ("deals", self._of("deals", 1)[0]), (object_type, self._of(object_type, 1)[0])

    def _take_archived(self) -> tuple:
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
