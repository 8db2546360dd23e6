"""Random portals as HubSpot would send them, version by version, for the lead report and the oracle to read alike."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import orjson

from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.sync import normalize
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

SINCE = datetime(2024, 11, 18, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "America/Phoenix", "Pacific/Auckland", "America/Sao_Paulo")
STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
    "other", "4711",
)  # fmt: skip
OWN_DOMAIN = "agency.example"


@dataclass(frozen=True)
class Version:
    read_at: datetime
    modified_at: datetime
    properties: dict[str, str]


@dataclass(frozen=True)
class Deal:
    id: str
    is_open: bool
    contacts: tuple[tuple[str, datetime, datetime | None], ...]  # id, linked from, linked until


@dataclass(frozen=True)
class Source:
    contacts: dict[str, list[Version]]
    archived: frozenset[str]
    deals: list[Deal]


def random_source(random: Random) -> Source:
    ids = [str(number) for number in range(1, random.randrange(2, 45))]
    contacts = {each: _versions(random, ids) for each in ids}
    deals = [
        Deal(
            id=f"9{number}",
            is_open=random.random() < 0.6,
            contacts=tuple(
                (each, NOW - timedelta(days=60), random.choice((None, None, NOW - timedelta(days=3))))
                for each in random.sample(ids, min(len(ids), random.randrange(3)))
            ),
        )
        for number in range(random.randrange(6))
    ]
    return Source(contacts, frozenset(each for each in ids if random.random() < 0.05), deals)


def store(portal: StoredPortal, source: Source) -> None:
    """Store it as pulls at those times would have, and normalize."""
    options = orjson.dumps([{"value": each, "label": each.title()} for each in STAGES]).decode()
    portal.execute(
        """UPDATE hubspot_properties SET options = CAST(:options AS jsonb)
            WHERE connector_id = :connector AND object_type = 'contacts' AND name = 'lifecyclestage'""",
        options=options,
    )
    portal.execute(
        "UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector",
        at=NOW - timedelta(days=120),
    )
    config = orjson.dumps({"hubspot_excluded_email_domains": [OWN_DOMAIN]}).decode()
    portal.execute("UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector", config=config)
    rows = [
        (version.read_at, "contacts", each, version.modified_at, version.properties, None)
        for each, versions in source.contacts.items()
        for version in versions
    ]
    rows += [
        (NOW - timedelta(hours=1), "contacts", each, None, source.contacts[each][-1].properties, NOW)
        for each in source.archived
    ]
    rows += [
        (NOW - timedelta(days=70), "deals", deal.id, None,
         {"dealstage": "contractsent" if deal.is_open else "closedlost", "pipeline": "default",
          "createdate": "2026-01-05T00:00:00Z"}, None)
        for deal in source.deals
    ]  # fmt: skip
    # As pulls come, one after the other.
    for read_at, object_type, hubspot_id, modified_at, properties, archived_at in sorted(rows, key=lambda row: row[0]):
        payload = orjson.dumps(properties, option=orjson.OPT_SORT_KEYS)
        portal.execute(
            """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                                modified_at, payload, archived_at)
               VALUES (:connector, :mind, :type, :id, :hash, :read_at, :modified_at, CAST(:payload AS json),
                       :archived)""",
            mind=portal.mind_id, type=object_type, id=hubspot_id, read_at=read_at, modified_at=modified_at,
            payload=payload.decode(), hash=hashlib.sha256(payload).digest(), archived=archived_at,
        )  # fmt: skip
    for deal in source.deals:
        for contact, since, until in deal.contacts:
            portal.execute(
                """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id,
                                                     type_ids, valid_from, valid_to)
                   VALUES (:connector, :mind, 'deals', :deal, 'contacts', :contact, '{3}', :since, :until)""",
                mind=portal.mind_id, deal=deal.id, contact=contact, since=since, until=until,
            )  # fmt: skip
    normalize(portal.database, load_connector(portal.database, portal.connector_id))


def _versions(random: Random, ids: list[str]) -> list[Version]:
    created = _moment(random)
    first_read = max(created, NOW - timedelta(days=300)) + timedelta(hours=random.choice((1, 23, 25, 900)))
    reads = sorted(
        {min(first_read, NOW - timedelta(days=1)), *(_between(random, NOW) for _ in range(random.choice((0, 0, 1, 2))))}
    )
    properties = _properties(random, created)
    if random.random() < 0.05:
        del properties["createdate"]
    versions = []
    for place, read_at in enumerate(reads):
        if place:
            properties = dict(properties)
            _set(properties, "lifecyclestage", random.choice((None, *STAGES)))
            for stage in STAGES:
                if random.random() < 0.1:
                    properties[f"hs_v2_date_entered_{stage}"] = _iso(_moment(random))
        modified = read_at - timedelta(minutes=random.choice((0, 5, 60 * 24 * 95)))
        if random.random() < 0.06:
            modified = SINCE - timedelta(days=random.randrange(1, 400))  # older than the window: referenced at most
        properties = properties | {"lastmodifieddate": _iso(modified)}
        if random.random() < 0.04:
            properties["hs_merged_object_ids"] = random.choice(ids)
        versions.append(Version(read_at, modified, properties))
    return versions


def _properties(random: Random, created: datetime) -> dict[str, str]:
    properties: dict[str, str] = {"createdate": _iso(created)}
    _set(properties, "lifecyclestage", random.choice((None, "lead", "lead", *STAGES)))
    for stage in STAGES:
        for name, chance in ((f"hs_v2_date_entered_{stage}", 0.3), (f"hs_lifecyclestage_{stage}_date", 0.15)):
            if random.random() < chance:
                properties[name] = _iso(_moment(random))
    for name, values in (
        ("hs_analytics_source", (None, "OFFLINE", "PAID_SEARCH", "REFERRALS")),
        ("hs_analytics_source_data_1", (None, "IMPORT", "spring", "CRM_UI", "CONTACTS")),
        ("hubspot_owner_id", (None, "11", "99")),
        ("hs_lead_status", (None, "NEW", "UNQUALIFIED", "BAD_TIMING")),
        ("email", (None, f"a@{OWN_DOMAIN}", "b@firm.example", "c@firm.example", "d@firm.example")),
    ):
        _set(properties, name, random.choice(values))
    country, state = random.choice(
        ((None, None), ("USA", "Arizona"), ("United States", None), ("Deutschland", None), ("Atlantis", None))
    )
    _set(properties, "country", country)
    _set(properties, "state", state)
    return properties


def _moment(random: Random) -> datetime:
    """Return a time within a year, or one at the edge of a month somewhere."""
    if random.random() < 0.5:
        return _between(random, NOW).replace(microsecond=0)
    zone = ZoneInfo(random.choice(ZONES))
    edge = date(2026, random.choice((1, 3, 4, 7, 10, 11)), 1)
    return datetime.combine(edge, time(), zone).astimezone(UTC) + timedelta(
        seconds=random.choice((-3600, -1, 0, 1, 3600))
    )


def _between(random: Random, until: datetime) -> datetime:
    return until - timedelta(seconds=random.randrange(1, 330 * 86_400))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _set(properties: dict[str, str], name: str, value: str | None) -> None:
    properties.pop(name, None)
    if value is not None:
        properties[name] = value
