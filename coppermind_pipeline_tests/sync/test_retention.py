"""Versions that were replaced too long ago go; of every kept moment, the CRM is rebuilt exactly as before."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import Row, text

from coppermind_pipeline.catalog import load_interpretation
from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Removed, Scope, retained
from coppermind_pipeline.sync import RECORDS_AS_OF, rebuild_as_of, remove_old_versions
from coppermind_pipeline.sync.raw import retention
from coppermind_pipeline.sync.raw.records import append_records
from coppermind_pipeline_tests.stored_portal import StoredPortal

DAYS = 400
HISTORY_DAYS = 500
_NOW = datetime.now(UTC)


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    portal = StoredPortal.create(database, local_customer)
    portal.execute("UPDATE connectors SET created_at = now() - interval '600 days' WHERE id = :connector")
    return portal


@pytest.fixture
def random() -> Random:
    return Random(17)


def _fill(portal: StoredPortal, random: Random, *, records: int) -> None:
    """Store versions of contacts, companies and deals as 500 days of syncs would have, in the order of their time."""
    history = []
    for object_type in ObjectType:
        for number in range(records):
            for _ in range(random.randint(1, 7)):
                at = _NOW - timedelta(days=random.uniform(0, HISTORY_DAYS))
                history.append((at, object_type, str(number), _properties(random, object_type)))
    with portal.database.mind(portal.mind_id) as connection:
        for at, object_type, hubspot_id, properties in sorted(history, key=lambda each: each[0]):
            payload = orjson.dumps(properties, option=orjson.OPT_SORT_KEYS)
            connection.execute(
                text("""INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash,
                                                         modified_at, read_at, payload)
                        VALUES (:connector, :mind, :type, :id, :hash, :at, :at, CAST(:payload AS json))"""),
                {"connector": portal.connector_id, "mind": portal.mind_id, "type": object_type, "id": hubspot_id,
                 "hash": hashlib.sha256(payload).digest(), "at": at, "payload": payload.decode()},
            )  # fmt: skip


def _associate(portal: StoredPortal, random: Random, *, records: int) -> None:
    """Let each deal have had one company after the other, with gaps between; some have the last one still."""
    for number in range(records):
        at = _NOW - timedelta(days=HISTORY_DAYS)
        while at < _NOW:
            begun = at + timedelta(days=random.uniform(0, 60))
            at = begun + timedelta(days=random.uniform(0, 200))
            portal.execute(
                """INSERT INTO hubspot_associations
                       (connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from, valid_to)
                   VALUES (:connector, :mind, 'deals', :deal, 'companies', :company, :begun, :ended)""",
                mind=portal.mind_id, deal=str(number), company=str(random.randrange(records)), begun=begun,
                ended=at if at < _NOW else None,
            )  # fmt: skip


def _ended_before(portal: StoredPortal, until: datetime) -> int:
    with portal.database.mind(portal.mind_id) as connection:
        counted = text("SELECT count(*) FROM hubspot_associations WHERE valid_to <= :until")
        return connection.scalar(counted, {"until": until}) or 0


def _properties(random: Random, object_type: ObjectType) -> dict[str, str]:
    if object_type is ObjectType.DEALS:
        stage = random.choice(["contractsent", "closedwon", "closedlost"])
        return {"pipeline": "default", "dealstage": stage, "amount": str(random.randint(1, 999)),
                "createdate": "2025-01-01T00:00:00Z"}  # fmt: skip
    stage = {"lifecyclestage": random.choice(["subscriber", "lead", "customer"])} if random.random() < 0.8 else {}
    return {"createdate": "2025-01-01T00:00:00Z", "city": str(random.random()), **stage}


def _as_of(portal: StoredPortal, moment: datetime) -> Sequence[dict[str, Any]]:
    config = load_connector(portal.database, portal.connector_id).config
    with portal.database.mind(portal.mind_id) as connection:
        meaning = load_interpretation(connection, portal.connector_id, config.of_records).meaning
        rebuild_as_of(connection, {portal.connector_id: meaning}, as_of=moment, whole=ObjectType)
        rows = text(f"SELECT to_jsonb(r) - 'change_seq' FROM {RECORDS_AS_OF} AS r ORDER BY object_type, hubspot_id")
        return connection.scalars(rows).all()


def _versions(portal: StoredPortal) -> Sequence[Row[Any]]:
    with portal.database.mind(portal.mind_id) as connection:
        return connection.execute(
            text("SELECT object_type, hubspot_id, version, read_at, payload FROM hubspot_raw_records ORDER BY version")
        ).all()


def _kept(versions: Sequence[Row[Any]], until: datetime) -> set[int]:
    """Return which versions are to stay, record by record."""
    kept: set[int] = set()
    for record in {(each.object_type, each.hubspot_id) for each in versions}:
        of_record = [each for each in versions if (each.object_type, each.hubspot_id) == record]
        held = [each.version for each in of_record if each.read_at <= until]
        kept |= {each.version for each in of_record if not held or each.version >= held[-1]}
        if record[0] == "contacts":
            firsts: dict[str | None, int] = {}
            for each in of_record:
                firsts.setdefault(each.payload.get("lifecyclestage"), each.version)
            kept |= set(firsts.values())
    return kept


def _remove(portal: StoredPortal) -> Removed:
    return remove_old_versions(portal.database, days=DAYS, time_is_up=lambda: False)


def _kept_since(portal: StoredPortal) -> datetime:
    with portal.database.scheduler() as connection:
        (since,) = [each.kept_since for each in retained(connection) if each.kind == "records"]
    assert since is not None
    return since


def test_every_kept_moment_is_rebuilt_as_before(portal: StoredPortal, random: Random, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "_RECORDS_MAX", 7)
    monkeypatch.setattr(retention, "_VERSIONS_MAX", 5)
    monkeypatch.setattr(retention, "_ASSOCIATIONS_MAX", 4)
    _fill(portal, random, records=25)
    _associate(portal, random, records=25)
    now = datetime.now(UTC)  # not _NOW: the day may have ended since then
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    moments = [since, *(now - timedelta(days=random.uniform(0, DAYS)) for _ in range(4)), now]
    before, rebuilt = _versions(portal), [_as_of(portal, moment) for moment in moments]
    ended = _ended_before(portal, since - timedelta(days=1))
    assert ended > 10
    removed = _remove(portal)
    assert _kept_since(portal) == since
    assert _ended_before(portal, since - timedelta(days=1)) == 0
    expected = _kept(before, since - timedelta(days=1))
    assert {each.version for each in _versions(portal)} == expected
    assert removed == Removed(len(before) - len(expected) + ended, complete=True)
    assert removed.rows > ended + 10
    assert [_as_of(portal, moment) for moment in moments] == rebuilt
    assert _remove(portal) == Removed(0, complete=True)


def test_a_pass_that_is_cut_short_goes_on_where_it_was(
    portal: StoredPortal, random: Random, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "_RECORDS_MAX", 3)
    _fill(portal, random, records=10)
    expected = _kept(_versions(portal), _NOW - timedelta(days=DAYS + 1))
    slices, looks = 0, iter(range(1_000))
    while not remove_old_versions(portal.database, days=DAYS, time_is_up=lambda: next(looks) % 3 == 2).complete:
        slices += 1
    assert slices > 2
    assert abs(len({each.version for each in _versions(portal)} ^ expected)) <= 1  # of the day that has passed


def test_a_sync_goes_on_beside_it(portal: StoredPortal, random: Random, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "_RECORDS_MAX", 2)
    _fill(portal, random, records=20)
    before, ended = _versions(portal), Event()

    def sync() -> int:
        reads = 0
        while not ended.is_set() or not reads:
            records = [Record(id=str(n), content=orjson.dumps({"dealname": f"{reads}"})) for n in range(20)]
            with portal.database.mind(portal.mind_id) as connection:
                append_records(connection, Scope(portal.connector_id, portal.mind_id), ObjectType.DEALS, records,
                               definitions_hash="", calculated=())  # fmt: skip
            reads += 1
        return reads

    with ThreadPoolExecutor() as beside:
        syncing = beside.submit(sync)
        try:
            _remove(portal)
        finally:
            ended.set()
        reads = syncing.result()
    kept = _kept(before, _kept_since(portal) - timedelta(days=1))
    left = {each.version for each in _versions(portal)}
    assert {each.version for each in before} & left == kept
    assert len(left - kept) == 20 * reads


def test_what_is_kept_for_longer_later_does_not_come_back(portal: StoredPortal):
    _remove(portal)
    since = _kept_since(portal)
    remove_old_versions(portal.database, days=2 * DAYS, time_is_up=lambda: False)
    assert _kept_since(portal) == since
