"""Looking up: what has become of records that are stored and that no listing of HubSpot's has, asked by id."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, Record
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.hydrating.hydration import Hydrator


@dataclass(frozen=True, slots=True)
class Lookup:
    """What complete and successful answers say about the ids that were asked for; of an id in none, nothing is known.

    Attributes:
        live, archived: records under the id that was asked for.
        survivors: by the id asked for, the record that HubSpot answers with instead.
        gone: HubSpot knows no such record, neither live nor archived.
    """

    live: dict[str, Record] = field(default_factory=dict)
    archived: dict[str, Record] = field(default_factory=dict)
    survivors: dict[str, Record] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


async def look_up(hydrator: Hydrator, hubspot_ids: Collection[str]) -> Lookup:
    """Ask for records by id: the live ones, then for what is missing the archived ones, then once more the live ones.

    The last question is for a record that is restored at this very moment: what is called gone here may be erased.
    """
    live = await _ask(hydrator, hubspot_ids)
    archived = await _ask(hydrator, live.missing, archived=True)
    again = await _ask(hydrator, archived.missing)
    return Lookup(
        live=live.found | again.found,
        archived={hubspot_id: _dated(record) for hubspot_id, record in archived.found.items()},
        survivors=archived.instead | live.instead | again.instead,
        gone=again.missing,
    )


@dataclass(frozen=True, slots=True)
class _Answered:
    """By id asked for: the record found, or the one that HubSpot answered with instead; and the ids not found."""

    found: dict[str, Record]
    instead: dict[str, Record]
    missing: frozenset[str]


async def _ask(hydrator: Hydrator, hubspot_ids: Collection[str], *, archived: bool = False) -> _Answered:
    asked = sorted(hubspot_ids)
    batches = [asked[i : i + BATCH_READ_IDS_MAX] for i in range(0, len(asked), BATCH_READ_IDS_MAX)]
    return _together(await run_together(_ask_batch(hydrator, batch, archived=archived) for batch in batches))


async def _ask_batch(hydrator: Hydrator, hubspot_ids: Sequence[str], *, archived: bool) -> _Answered:
    answer = await hydrator.read(hubspot_ids, archived=archived)
    found = {record.id: record for record in answer.records if record.id in hubspot_ids}
    whole = _Answered(found, {}, answer.missing_ids)
    if not answer.unanswered_ids:
        return whole
    if len(hubspot_ids) == 1:
        return _alone(hubspot_ids[0], answer.survivors, whole, said_more=bool(answer.errors))
    # A batch does not tell which survivor stands for which id; alone each answer is about the one id.
    apart = [_ask_batch(hydrator, [hubspot_id], archived=archived) for hubspot_id in sorted(answer.unanswered_ids)]
    return _together([whole, *await run_together(apart)])


def _alone(hubspot_id: str, survivors: Sequence[Record], answered: _Answered, *, said_more: bool) -> _Answered:
    """Return what an answer about one id means that holds neither the record nor an error about it."""
    if len(survivors) == 1:
        return replace(answered, instead={hubspot_id: survivors[0]})
    # HubSpot has been documented to leave out what it does not find, without saying so.
    return answered if survivors or said_more else replace(answered, missing=frozenset([hubspot_id]))


def _together(answers: Sequence[_Answered]) -> _Answered:
    return _Answered(
        found={hubspot_id: record for answer in answers for hubspot_id, record in answer.found.items()},
        instead={hubspot_id: record for answer in answers for hubspot_id, record in answer.instead.items()},
        missing=frozenset().union(*(answer.missing for answer in answers)),
    )


def _dated(record: Record) -> Record:
    """Return an archived record with the time at which it was archived; where HubSpot names none, that it is so now."""
    if record.archived and record.archived_at and crm.read_datetime(record.archived_at):
        return record
    return msgspec.structs.replace(record, archived=True, archived_at=datetime.now(UTC).isoformat())
