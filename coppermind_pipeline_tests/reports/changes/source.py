"""Random histories of deals as pulls would have read them, for the changes and the oracle to read alike."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import orjson

from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.sync import link, normalize
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

FOLLOWED_SINCE = NOW - timedelta(days=50)
PERIOD_ENDS = (date(2026, 11, 1), date(2027, 1, 1))

_STAGES = (
    ("default", "appointmentscheduled"), ("default", "contractsent"), ("default", "contractsent"),
    ("default", "closedwon"), ("default", "closedlost"), ("7001", "7101"), ("7001", "7102"), ("7001", "7103"),
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    read_at: datetime
    properties: dict[str, str]
    archived: bool = False


@dataclass(frozen=True)
class Deal:
    id: str
    versions: list[Version]
    merged_at: datetime | None
    merged_into: str | None


@dataclass(frozen=True)
class Source:
    deals: list[Deal]
    filtered: bool


def random_source(random: Random) -> Source:
    ids = [str(number) for number in range(1, random.randrange(2, 30))]
    followed = [moment for _ in range(8) if (moment := _between(random, FOLLOWED_SINCE, NOW))]
    deals = []
    for each in ids:
        versions = _versions(random, followed)
        merged_at = random.choice(followed) if random.random() < 0.1 else None
        into = random.choice(ids)
        deals.append(Deal(each, versions, merged_at if into != each else None, into))
    return Source(deals, filtered=random.random() < 0.5)


def store(portal: StoredPortal, source: Source) -> None:
    """Store it as pulls at those times would have, and normalize."""
    portal.execute(
        "UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=FOLLOWED_SINCE
    )
    config = {"hubspot_filters": {"deals": {"dealtype": "newbusiness"}}} if source.filtered else {}
    portal.execute(
        "UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector",
        config=orjson.dumps(config).decode(),
    )
    read = sorted(((version.read_at, deal.id, version) for deal in source.deals for version in deal.versions),
                  key=lambda each: each[:2])  # fmt: skip
    for _, deal, version in read:
        append_version(portal, deal, version)
    for deal in source.deals:
        if deal.merged_at is not None:
            portal.execute(
                """INSERT INTO hubspot_merges (connector_id, mind_id, object_type, loser_id, survivor_id, found_at)
                   VALUES (:connector, :mind, 'deals', :loser, :survivor, :at)""",
                mind=portal.mind_id, loser=deal.id, survivor=deal.merged_into, at=deal.merged_at,
            )  # fmt: skip
    take_up(portal)


def append_version(portal: StoredPortal, deal: str, version: Version) -> None:
    """Append what a pull read of a deal to the raw log."""
    payload = orjson.dumps(version.properties, option=orjson.OPT_SORT_KEYS)
    portal.execute(
        """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                            payload, archived_at)
           VALUES (:connector, :mind, 'deals', :id, :hash, :read_at, CAST(:payload AS json), :archived)""",
        mind=portal.mind_id, id=deal, read_at=version.read_at, payload=payload.decode(),
        hash=hashlib.sha256(payload).digest(), archived=version.read_at if version.archived else None,
    )  # fmt: skip


def take_up(portal: StoredPortal) -> None:
    """Do what follows a pull: normalize, and link."""
    connector = load_connector(portal.database, portal.connector_id)
    normalize(portal.database, connector)
    link(portal.database, connector)


def _versions(random: Random, followed: list[datetime]) -> list[Version]:
    """Return versions that were read at some of the polls, or before their portal was followed."""
    read = {random.choice((FOLLOWED_SINCE - timedelta(days=1), random.choice(followed)))}
    read |= {random.choice(followed) for _ in range(random.choice((0, 1, 2, 4)))}
    created = random.choice((FOLLOWED_SINCE - timedelta(days=9), *followed))
    properties = {"createdate": _iso(created), "dealname": "A deal"}
    _change(random, properties, always=True)
    versions = []
    for read_at in sorted(read):
        if versions:
            properties = dict(properties)
            _change(random, properties, always=False)
        versions.append(Version(read_at, properties, archived=random.random() < 0.12))
    return versions


def _change(random: Random, properties: dict[str, str], *, always: bool) -> None:
    """Change some of what a deal says; its amount in company currency follows, by the rate of the moment."""
    if always or random.random() < 0.5:
        properties["pipeline"], properties["dealstage"] = random.choice(_STAGES)
    if always or random.random() < 0.4:
        _set(properties, "amount", random.choice((None, "0", "100", "100.10", "250.55", "1999.99", "-20")))
    if always or random.random() < 0.2:
        _set(properties, "deal_currency_code", random.choice((None, "USD", "EUR", "EUR")))
    if always or random.random() < 0.4:
        day = random.choice(PERIOD_ENDS) + timedelta(days=random.choice((-20, -1, 0, 1, 20)))
        hour = random.choice((time(0), time(3), time(12)))
        _set(properties, "closedate", random.choice((None, _iso(datetime.combine(day, hour, UTC)))))
    if always or random.random() < 0.15:
        _set(properties, "dealtype", random.choice(("newbusiness", "newbusiness", "existingbusiness", None)))
    if always or random.random() < 0.5:
        rate = 1 if properties.get("deal_currency_code") in {None, "USD"} else random.choice((1, 2, 3))
        amount = properties.get("amount")
        home = None if amount is None else str(round(float(amount) * rate, 2))
        _set(properties, "amount_in_home_currency", home)
    if random.random() < 0.01:
        properties.pop("amount_in_home_currency", None)


def _between(random: Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(seconds=random.randrange(1, int((end - start).total_seconds())))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _set(properties: dict[str, str], name: str, value: str | None) -> None:
    properties.pop(name, None)
    if value is not None:
        properties[name] = value
