"""A small portal in which everything has a name of its own, and what memories have to say of it.

Names are a word and a number that no other thing ever has: "Firm7", "Stage12". So a text tells by itself which
companies, people, owners and labels it speaks of, and whether it calls them by the names that they have now.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AnySet
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from coppermind_pipeline.memories import MemoryType
from coppermind_pipeline.sandbox import ControlClient, ExportedRecord, PortalState
from coppermind_pipeline.sandbox import ObjectType as Kind

KINDS: tuple[Kind, ...] = ("contacts", "companies", "deals")
NAMED_BY: Mapping[Kind, str] = {"contacts": "firstname", "companies": "name", "deals": "dealname"}
# The options that get labels of their own, by the property that they are of.
OPTIONS: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    "contacts": ("hs_lead_status", ("NEW", "OPEN")),
    "companies": ("industry", ("RETAIL", "INSURANCE")),
    "deals": ("dealtype", ("newbusiness", "existingbusiness")),
}
OWNERS = ("901", "902")
DOMAINS = ("alpha.example", "beta.example")
# What is given as the reason of a loss, and the type of the memory that it makes.
REASONS: Mapping[str, MemoryType | None] = {
    "Too expensive": MemoryType.OBJECTION,
    "Missing feature": MemoryType.PAIN_POINT,
    "n/a": None,
    "": None,
}
NAME = re.compile(r"\b(?:Firm|Pers|Deal|Owner|Stage|Option)[0-9]+\b")
_WORDS: Mapping[Kind, str] = {"contacts": "Pers", "companies": "Firm", "deals": "Deal"}
_LATE = 0.8
_NAMED_MAX: Mapping[Kind, int] = {"companies": 4, "contacts": 5}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a memory has to be: its type, the names that it has to say, and those that it may say."""

    type: MemoryType
    says: frozenset[str]
    may_say: frozenset[str]


@dataclass(slots=True)
class NamedPortal:
    """A portal and its changes; `erased` has the names that nobody may find any more."""

    control: ControlClient
    erased: set[str] = field(default_factory=set)
    _contact_names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def fill(self) -> None:
        """Give the stages, options and owners their names, and add a few records that know each other."""
        for pipeline_id, stage in self.stages():
            self.name_stage(pipeline_id, stage)
        for kind in KINDS:
            self.name_options(kind)
        for owner in OWNERS:
            self.name_owner(owner)
        companies = [self.add("companies") for _ in range(3)]
        contacts = [self.add("contacts") for _ in range(3)]
        deals = [self.add("deals") for _ in range(3)]
        for number, deal in enumerate(deals):
            self.control.associate(("deals", deal), ("companies", companies[number]))
            self.control.associate(("deals", deal), ("contacts", contacts[number]))
            self.control.edit("contacts", [contacts[number]], {"associatedcompanyid": companies[number]})

    def new_name(self, word: str) -> str:
        return f"{word}{next(self._numbers)}"

    def add(self, kind: Kind, *, at_ms: int | None = None) -> str:
        name = self.new_name(_WORDS[kind])
        values: dict[Kind, dict[str, str]] = {
            "contacts": {"lastname": "Doe", "email": f"{name.lower()}@{DOMAINS[0]}", "hs_lead_status": "NEW"},
            "companies": {"industry": "RETAIL"},
            "deals": {"pipeline": "default", "dealstage": "closedwon", "dealtype": "newbusiness", "amount": "100"},
        }
        properties = {NAMED_BY[kind]: name, "hubspot_owner_id": OWNERS[0], **values[kind]}
        added = self.control.create(kind, properties, at_ms=at_ms)
        self._note(kind, added, {name})
        return added

    def rename(self, kind: Kind, record: str) -> None:
        name = self.new_name(_WORDS[kind])
        self.control.edit(kind, [record], {NAMED_BY[kind]: name})
        self._note(kind, record, {name})

    def merge(self, kind: Kind, primary: str, other: str) -> None:
        """Merge two records; of a contact, all that either was ever called is a name of the one person."""
        survivor = self.control.merge(kind, primary, other)
        self._note(kind, survivor, self._contact_names[primary] | self._contact_names[other])

    def name_owner(self, owner: str, *, archived: bool = False) -> None:
        document = {"id": owner, "email": f"{owner}@{DOMAINS[1]}", "firstName": self.new_name("Owner"),
                    "lastName": "Roe", "userId": int(owner), "archived": archived}  # fmt: skip
        self.control.set_owners([document])

    def name_stage(self, pipeline_id: str, stage: Mapping[str, Any], **changes: Any) -> None:
        metadata = stage["metadata"]
        as_it_is = {"probability": float(metadata["probability"]), "closed": metadata["isClosed"] == "true"}
        self.control.set_stage(pipeline_id, stage["id"], label=self.new_name("Stage"), **(as_it_is | changes))

    def name_options(self, kind: Kind) -> None:
        name, values = OPTIONS[kind]
        (document,) = [each for each in self.control.export().properties[kind] if each["name"] == name]
        options = [{**option, "label": self.new_name("Option")} if option["value"] in values else option
                   for option in document["options"]]  # fmt: skip
        self.control.set_property(kind, {**document, "options": options})

    def erase(self, contact: str) -> None:
        """Erase a contact; nothing that it was ever called may be found from then on."""
        self.erased |= self._contact_names[contact]
        records = self.control.export().records
        if int(contact) == max(int(record.id) for record in records if record.object_type == "contacts"):
            self.add("contacts")  # the sandbox would give the highest id to the next one again
        self.control.erase("contacts", [contact])

    def stages(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [(pipeline["id"], stage) for pipeline in self.control.export().pipelines["deals"]
                for stage in pipeline["stages"]]  # fmt: skip

    def live(self, kind: Kind) -> list[str]:
        return sorted(self.control.export().live(kind), key=int)

    def archived(self, kind: Kind) -> list[str]:
        found = self.control.export().records
        gone = [r.id for r in found if r.object_type == kind and not r.live and r.merged_into is None]
        return sorted(gone, key=int)

    def _note(self, kind: Kind, record: str, names: set[str]) -> None:
        if kind == "contacts":
            self._contact_names[record] |= names


@dataclass(slots=True)
class Expectations:
    """Which memories a portal makes, found out record by record from all that is in it.

    Attributes:
        filtered: says whether the filters leave a record out.
        since_ms: when the window begins; what was last changed before has no memory.
    """

    state: PortalState
    filtered: Callable[[ExportedRecord], bool]
    since_ms: int
    _records: dict[tuple[str, str], ExportedRecord] = field(init=False)
    _owners: dict[str, str] = field(init=False)
    _stages: dict[tuple[str, str], Mapping[str, Any]] = field(init=False)
    _late: set[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._records = {(record.object_type, record.id): record for record in self.state.records}
        self._owners = {owner["id"]: owner["firstName"] for owner in self.state.owners}
        pipelines = self.state.pipelines["deals"]
        self._stages = {(pipeline["id"], stage["id"]): stage for pipeline in pipelines for stage in pipeline["stages"]}
        self._late = {(pipeline["id"], stage["id"]) for pipeline in pipelines for stage in _late(pipeline["stages"])}

    def memories(self) -> dict[str, Expected]:
        """Return what has to be live, by type and id as in source refs: `deals:1`."""
        made = {f"{kind}:{record.id}": self._memory(kind, record)
                for kind in KINDS for record in self.state.live(kind).values()
                if record.modified_ms >= self.since_ms and not self.filtered(record)}  # fmt: skip
        return {ref: memory for ref, memory in made.items() if memory is not None}

    def _memory(self, kind: Kind, record: ExportedRecord) -> Expected | None:
        values = record.properties
        said = {values[NAMED_BY[kind]], self._option(kind, values)}
        said |= {self._owners[owner] for owner in (values.get("hubspot_owner_id"),) if owner in self._owners}
        if kind == "deals":
            return self._deal(record, said)
        if kind == "companies":
            return _expected(MemoryType.FACT, said)
        employer = self._current("companies", values.get("associatedcompanyid"))
        return _expected(MemoryType.STAKEHOLDER, said | ({employer.properties["name"]} if employer else set()))

    def _deal(self, deal: ExportedRecord, said: set[str]) -> Expected | None:
        key = deal.properties["pipeline"], deal.properties["dealstage"]
        stage = self._stages[key]
        closed, probability = stage["metadata"]["isClosed"] == "true", float(stage["metadata"]["probability"])
        if closed:
            lost_for = REASONS[deal.properties.get("closed_lost_reason", "")]
            memory_type = MemoryType.CAMPAIGN_OUTCOME if probability == 1 else lost_for
        else:
            memory_type = MemoryType.BUYING_SIGNAL if key in self._late else None
        if memory_type is None:
            return None
        may_say: set[str] = set()
        for kind, most in _NAMED_MAX.items():
            linked = self._linked(deal.id, kind)
            (said if len(linked) <= most else may_say).update(linked)
        return _expected(memory_type, {*said, stage["label"]}, may_say)

    def _linked(self, deal: str, kind: Kind) -> set[str]:
        ends = {link.to_id for link in self.state.links
                if (link.from_type, link.from_id, link.to_type) == ("deals", deal, kind)}  # fmt: skip
        records = {record.id: record for end in ends if (record := self._current(kind, end)) is not None}
        return {record.properties[NAMED_BY[kind]] for record in records.values()
                if kind == "companies" or not self.filtered(record)}  # fmt: skip

    def _current(self, kind: Kind, record_id: str | None) -> ExportedRecord | None:
        """Return the live record that an id leads to, over all merges."""
        record = self._records.get((kind, record_id or ""))
        while record is not None and record.merged_into is not None:
            record = self._records.get((kind, record.merged_into))
        return record if record is not None and record.live else None

    def _option(self, kind: Kind, values: Mapping[str, str]) -> str:
        name, _ = OPTIONS[kind]
        (document,) = [each for each in self.state.properties[kind] if each["name"] == name]
        (label,) = [option["label"] for option in document["options"] if option["value"] == values[name]]
        return label


def _expected(memory_type: MemoryType, says: AnySet[str], may_say: AnySet[str] = frozenset()) -> Expected:
    return Expected(memory_type, frozenset(says), frozenset(says | may_say))


def _late(stages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    chances: defaultdict[float, list[Mapping[str, Any]]] = defaultdict(list)
    for stage in stages:
        if stage["metadata"]["isClosed"] == "false":
            chances[float(stage["metadata"]["probability"])].append(stage)
    alike = next(iter(chances.values())) if len(chances) == 1 else ()
    if len(alike) > 1:
        return alike[-2:]
    return [stage for chance, each in chances.items() if chance >= _LATE for stage in each]
