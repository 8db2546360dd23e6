"""Mapping: from records that changed to the queue of memories."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import starmap
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from coppermind_pipeline.garbage_collection import rare_collections
from coppermind_pipeline.memories.erasure import deals_that_may_name, erase_texts
from coppermind_pipeline.memories.label_gaps import LabelGap, note_label_gaps
from coppermind_pipeline.memories.mapping.ahead import changed_so_far, forget_mapped_ahead, note_mapped_ahead
from coppermind_pipeline.memories.mapping.relabelling import changed_values, records_showing, while_changing
from coppermind_pipeline.memories.mapping.rules import MappingRules, load_mapping_rules
from coppermind_pipeline.memories.memory_queue import QueueEntry, enqueue_changed
from coppermind_pipeline.memories.memory_types import record_ref
from coppermind_pipeline.memories.texts import subject_rows
from coppermind_pipeline.memories.texts.record_texts import MemoryText, NoMemory, memory_of
from coppermind_pipeline.memories.texts.shown_labels import shown_labels
from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal
from coppermind_pipeline.memories.transactions import batch_transaction
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, load_applied, load_checkpoint, move_checkpoint, note_applied

BATCH_RECORDS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What one mapping did, in records.

    Attributes:
        considered: records looked at; a deal counts for each batch in which it, or what it names, changed.
        queued: memories queued to be published.
        retired: memories queued to be retired.
        skipped: object types with a filter that can't be applied: nothing of them was queued.
    """

    considered: int = 0
    queued: int = 0
    retired: int = 0
    skipped: tuple[ObjectType, ...] = ()

    def __add__(self, later: "Mapped") -> "Mapped":
        return Mapped(
            considered=self.considered + later.considered,
            queued=self.queued + later.queued,
            retired=self.retired + later.retired,
            skipped=tuple(sorted({*self.skipped, *later.skipped})),
        )


@rare_collections()
def map_records(
    database: Database,
    *,
    connector_id: str,
    mind_id: UUID,
    deals: bool = True,
    now: datetime | None = None,
    on_progress: Callable[[Mapped], None] | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Mapped:
    """Queue a memory for each record that changed since the last mapping, and for each deal that names one.

    Mapped again are the records that show a label which has changed, the late deals whose close date has passed since
    the last mapping, and everything where the portal's zone or currency, or the wording of the texts changed. A text
    that is already published or pending queues nothing. Each batch commits with the cursor that vouches for it, so that
    a mapping which ended anywhere goes on from there. The caller is the connector's one writer.

    Args:
        deals: map deals too; False while a backfill still reads what they name.
        now: aware; None: the clock's.
        on_progress: hears the sum so far after each batch.
        enough: asked after each batch; once it says so, the rest is left to the next mapping.
    """
    mapping = _begin(database, connector_id, mind_id, now=now or datetime.now(UTC))
    return mapping.sum_up(mapping.batches(deals=deals), on_progress=on_progress, enough=enough)


@rare_collections()
def map_deals_ahead(
    database: Database,
    *,
    connector_id: str,
    mind_id: UUID,
    deals: Iterator[Sequence[str]],
    now: datetime | None = None,
    on_progress: Callable[[Mapped], None] | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Mapped:
    """Queue memories of the deals with these ids, in batches, ahead of their turn in a mapping.

    Their turn passes over those where nothing has changed since. The caller is the connector's one writer.
    """
    mapping = _begin(database, connector_id, mind_id, now=now or datetime.now(UTC))
    return mapping.sum_up(mapping.ahead(deals), on_progress=on_progress, enough=enough)


def _begin(database: Database, connector_id: str, mind_id: UUID, *, now: datetime) -> "_Mapping":
    with database.mind(mind_id) as connection:
        return _Mapping(database, connector_id, mind_id, load_mapping_rules(connection, connector_id, now=now))


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One mapping of a connector; its stages yield what each batch did after it is committed."""

    database: Database
    connector_id: str
    mind_id: UUID
    rules: MappingRules

    def sum_up(
        self,
        batches: Generator[Mapped],
        *,
        on_progress: Callable[[Mapped], None] | None,
        enough: Callable[[], bool],
    ) -> Mapped:
        mapped = Mapped(skipped=tuple(sorted(self.rules.unfinished)))
        with closing(batches):
            for batch in batches:
                mapped += batch
                if on_progress is not None:
                    on_progress(mapped)
                if enough():
                    break
        return mapped

    def batches(self, *, deals: bool) -> Generator[Mapped]:
        yield from self.records()
        if deals:
            yield from self.deals()

    def ahead(self, deals: Iterator[Sequence[str]]) -> Generator[Mapped]:
        rules = self.rules.of_deals_today
        for ids in deals:
            with batch_transaction(self.database, self.mind_id) as connection:
                # Asked before: what changes while the deals are read is not vouched for.
                until = changed_so_far(connection, self.connector_id)
                batch = self._queue(connection, self._deals(connection, ids))
                note_mapped_ahead(connection, self.connector_id, ids, until=until, rules=rules)
            yield batch

    def records(self) -> Iterator[Mapped]:
        types = (ObjectType.CONTACTS, ObjectType.COMPANIES)
        yield from self._relabelled("map", types, rules=self.rules.of_records)
        start: int | None = None
        while True:
            with batch_transaction(self.database, self.mind_id) as connection:
                after = load_checkpoint(connection, self.connector_id, "map").seq
                start = after if start is None else start
                until = self._changed_until(connection, after)
                if until is None:
                    return
                subjects = subject_rows.changed_records(
                    connection, self.connector_id, types, after=after, until=until, mapped_until=start
                )
                batch = self._queue(connection, subjects)
                move_checkpoint(connection, self.connector_id, "map", until)
            yield batch

    def deals(self) -> Iterator[Mapped]:
        with batch_transaction(self.database, self.mind_id) as connection:
            forget_mapped_ahead(connection, self.connector_id, rules=self.rules.of_deals_today)
        yield from self._relabelled("map_deals", (ObjectType.DEALS,), rules=self.rules.of_deals)
        yield from self._overdue()
        with batch_transaction(self.database, self.mind_id) as connection:
            start = load_checkpoint(connection, self.connector_id, "map_deals").seq
            until = self._changed_until(connection, start)
        after = start
        while until is not None:
            yield from self._deals_concerned(start, after, until)
            with batch_transaction(self.database, self.mind_id) as connection:
                after, until = until, self._changed_until(connection, until)
        with batch_transaction(self.database, self.mind_id) as connection:
            forget_mapped_ahead(connection, self.connector_id)

    def _relabelled(
        self, stage: Literal["map", "map_deals"], types: Collection[ObjectType], *, rules: str
    ) -> Iterator[Mapped]:
        """Map the records that a stage has mapped already and that show a label which has changed since.

        This comes before anything else is mapped with the new labels, so that what is noted of labels holds for all
        that the stage has mapped, wherever a mapping ends. By other rules the stage begins anew.
        """
        with batch_transaction(self.database, self.mind_id) as connection:
            checkpoint = load_checkpoint(connection, self.connector_id, stage)
            if checkpoint.rules != rules:
                move_checkpoint(connection, self.connector_id, stage, 0, rules=rules)
                note_applied(connection, self.connector_id, stage, self.rules.labels)
                return
            before = load_applied(connection, self.connector_id, stage)
            changed = changed_values(before, self.rules.labels)
            if changed:
                note_applied(connection, self.connector_id, stage, while_changing(before, changed))
        for object_type in types if changed else ():
            showing = records_showing(
                self.database,
                self.mind_id,
                self.connector_id,
                object_type,
                changed,
                mapped_until=checkpoint.seq,
                records_max=BATCH_RECORDS,
            )
            with closing(showing):
                for ids in showing:
                    with batch_transaction(self.database, self.mind_id) as connection:
                        subjects = subject_rows.read_subjects(connection, self.connector_id, object_type, ids)
                        batch = self._queue(connection, subjects)
                    yield batch
        if changed:
            with batch_transaction(self.database, self.mind_id) as connection:
                note_applied(connection, self.connector_id, stage, self.rules.labels)

    def _overdue(self) -> Iterator[Mapped]:
        """Map the late deals whose close date has passed since the day of the last mapping, of which nothing changed.

        Where the rules changed, all deals are mapped with today's words anyway.
        """
        rules, today = self.rules.of_deals, self.rules.wording.today.toordinal()
        with batch_transaction(self.database, self.mind_id) as connection:
            checkpoint = load_checkpoint(connection, self.connector_id, "map_days")
            if checkpoint.rules != rules:
                move_checkpoint(connection, self.connector_id, "map_days", today, rules=rules)
                return
        ids: Sequence[str] = ()
        more = checkpoint.seq < today
        while more:
            with batch_transaction(self.database, self.mind_id) as connection:
                ids = subject_rows.late_deals_closing(
                    connection,
                    self.connector_id,
                    since=date.fromordinal(checkpoint.seq),
                    before=self.rules.wording.today,
                    after_id=ids[-1] if ids else "",
                    deals_max=BATCH_RECORDS,
                )
                batch = self._queue(connection, self._deals(connection, ids))
                more = len(ids) == BATCH_RECORDS
                if not more:
                    move_checkpoint(connection, self.connector_id, "map_days", today, rules=rules)
            yield batch

    def _deals_concerned(self, start: int, after: int, until: int) -> Iterator[Mapped]:
        """Map the deals that the changes in (after, until] concern: any number, as one company may have many deals."""
        ids: Sequence[str] = ()
        more = True
        while more:
            with batch_transaction(self.database, self.mind_id) as connection:
                ids = subject_rows.concerned_deals(
                    connection,
                    self.connector_id,
                    after=after,
                    until=until,
                    mapped_until=start,
                    rules=self.rules.of_deals_today,
                    after_id=ids[-1] if ids else "",
                    deals_max=BATCH_RECORDS,
                )
                batch = self._queue(connection, self._deals(connection, ids))
                more = len(ids) == BATCH_RECORDS
                if not more:
                    move_checkpoint(connection, self.connector_id, "map_deals", until)
            yield batch

    def _deals(self, connection: Connection, ids: Sequence[str]) -> Sequence[Contact | Company | Deal]:
        return subject_rows.read_subjects(connection, self.connector_id, ObjectType.DEALS, ids)

    def _queue(self, connection: Connection, subjects: Sequence[Contact | Company | Deal]) -> Mapped:
        """Queue what a batch of records makes; erasures take effect at once, whatever the filters say.

        While deals' filters can't be applied, those that may name who was erased are the one thing of theirs that is.
        """
        erased = [self._ref(subject) for subject in subjects if subject.standing.archived_reason == "erased"]
        if erased:
            erase_texts(connection, self.connector_id, erased)
        finished = [subject for subject in subjects if subject.object_type not in self.rules.unfinished]
        if erased and ObjectType.DEALS in self.rules.unfinished:
            finished += self._deals(connection, deals_that_may_name(connection, self.connector_id, erased))
        memories = [(subject, memory_of(subject, self.rules.wording)) for subject in finished]
        enqueued = enqueue_changed(connection, starmap(self._entry, memories))
        gaps = {self._ref(subject): self._label_gap(subject, memory) for subject, memory in memories}
        note_label_gaps(connection, self.connector_id, dict.fromkeys(erased, LabelGap()) | gaps)
        return Mapped(considered=len(subjects), queued=enqueued.publish, retired=enqueued.retire)

    def _label_gap(self, subject: Contact | Company | Deal, memory: MemoryText | NoMemory) -> LabelGap:
        published = isinstance(memory, MemoryText)
        return LabelGap.of(shown_labels(subject, self.rules.wording)) if published else LabelGap()

    def _entry(self, subject: Contact | Company | Deal, memory: MemoryText | NoMemory) -> QueueEntry:
        published = memory if isinstance(memory, MemoryText) else None
        return QueueEntry(
            source_ref=self._ref(subject),
            connector_id=self.connector_id,
            operation="publish" if published else "retire",
            type=published.type if published else None,
            sensitivity=published.sensitivity if published else None,
            content=published.content if published else None,
            object_type=subject.object_type,
            hubspot_id=subject.hubspot_id,
            as_of=subject.read_at,
            retired_reason=None if isinstance(memory, MemoryText) else memory.reason,
        )

    def _ref(self, subject: Contact | Company | Deal) -> str:
        return record_ref(self.connector_id, subject.object_type, subject.hubspot_id)

    def _changed_until(self, connection: Connection, after: int) -> int | None:
        return subject_rows.changed_until(connection, self.connector_id, after=after, records_max=BATCH_RECORDS)
