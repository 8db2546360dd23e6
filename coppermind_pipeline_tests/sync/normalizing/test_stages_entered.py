"""When a contact entered the stages of its lifecycle: by HubSpot's dates, else by the first version in a stage."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from coppermind_pipeline.catalog import load_interpretation
from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import RECORDS_AS_OF, normalize, rebuild_as_of
from coppermind_pipeline_tests.stored_portal import StoredPortal

_CREATED = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)


def test_hubspots_own_dates_come_first(portal: StoredPortal) -> None:
    _read(
        portal, "1", _CREATED + timedelta(days=9), lifecyclestage="customer",
        hs_v2_date_entered_lead="2026-03-02T00:00:00Z", hs_lifecyclestage_lead_date="2026-01-01T00:00:00Z",
        hs_lifecyclestage_opportunity_date="2026-03-04T00:00:00Z", hs_date_entered_customer="2026-03-05T00:00:00Z",
    )  # fmt: skip
    _read(portal, "2", _CREATED, lifecyclestage="lead", hs_v2_date_entered_lead="soon", hs_lifecyclestage_lead_date="")
    assert _dates(portal)["1"] == {"lead": _march(2), "opportunity": _march(4), "customer": _march(5)}
    # What can't be read is no date; the contact was new when it was read as a lead.
    assert _dates(portal)["2"] == {"lead": _CREATED}


def test_the_first_version_in_a_stage_dates_what_hubspot_does_not(portal: StoredPortal) -> None:
    _read(portal, "1", _CREATED, lifecyclestage="subscriber")
    _read(portal, "1", _march(5), lifecyclestage="lead", note="nothing PostgreSQL likes: \0")
    _read(portal, "1", _march(6), lifecyclestage="lead")
    _read(portal, "1", _march(9), lifecyclestage="4711")
    _read(portal, "2", _march(20), lifecyclestage="lead")
    _read(portal, "3", _march(20))
    _read(portal, "2", _march(21), lifecyclestage="customer", hs_v2_date_entered_customer="2026-03-21T08:00:00Z")
    assert _dates(portal) == {
        "1": {"subscriber": _CREATED, "lead": _march(5), "4711": _march(9)},
        # Read first when it had been a lead for who knows how long.
        "2": {"lead": None, "customer": _march(21) + timedelta(hours=8)},
        "3": {},
    }
    at_that_time = {"1": {"subscriber": _CREATED, "lead": _march(5)}}
    assert _dates(portal, as_of=_march(8)) == at_that_time


def _march(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def _read(portal: StoredPortal, hubspot_id: str, read_at: datetime, **properties: Any) -> None:
    payload = orjson.dumps({"createdate": _CREATED.isoformat()} | properties, option=orjson.OPT_SORT_KEYS)
    portal.execute(
        """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                            modified_at, payload)
           VALUES (:connector, :mind, 'contacts', :id, :hash, :read_at, :read_at, CAST(:payload AS json))""",
        mind=portal.mind_id, id=hubspot_id, read_at=read_at, payload=payload.decode(),
        hash=hashlib.sha256(payload).digest(),
    )  # fmt: skip


def _dates(portal: StoredPortal, *, as_of: datetime | None = None) -> dict[str, dict[str, datetime | None]]:
    connector = load_connector(portal.database, portal.connector_id)
    normalize(portal.database, connector)
    with portal.database.mind(portal.mind_id) as connection:
        if as_of is not None:
            meaning = load_interpretation(connection, connector.id, connector.config.of_records).meaning
            rebuild_as_of(connection, {connector.id: meaning}, as_of=as_of, whole=(ObjectType.CONTACTS,))
        source = "live_records" if as_of is None else RECORDS_AS_OF
        rows = connection.execute(
            text(
                f"""SELECT hubspot_id, stages_entered || stages_seen AS stages,
                           stages_entered_at || stages_seen_at AS at
                      FROM {source} WHERE connector_id = :connector ORDER BY hubspot_id"""
            ),
            {"connector": connector.id},
        )
        return {row.hubspot_id: dict(zip(row.stages, row.at, strict=True)) for row in rows}
