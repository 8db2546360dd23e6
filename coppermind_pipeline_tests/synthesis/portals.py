"""A stored portal with enough of everything to synthesize, and how its texts are read back."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.synthesis import Synthesized, synthesize
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


def run(portal: StoredPortal, *, now: datetime = NOW, cadence: Cadence = Cadence.WEEKLY, period_key: str | None = None,
        refresh: bool = False, **config: Any) -> Synthesized:  # fmt: skip
    return synthesize(
        portal.database,
        connector_id=portal.connector_id,
        mind_id=portal.mind_id,
        cadence=cadence,
        config=ConnectorConfig.model_validate(config),
        now=now,
        period_key=period_key,
        refresh=refresh,
    )


def queued(portal: StoredPortal) -> list[Any]:
    with portal.database.mind(portal.mind_id) as connection:
        return list(
            connection.execute(
                text("SELECT * FROM memory_queue WHERE connector_id = :connector ORDER BY source_ref"),
                {"connector": portal.connector_id},
            )
        )


def texts(portal: StoredPortal, period_key: str = "2026-W47") -> dict[str, str]:
    """The queued texts of a period by aggregate."""
    return {row.aggregate_scope: row.content for row in queued(portal) if row.aggregate_period_key == period_key}


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def fill(portal: StoredPortal) -> None:
    """A small agency's portal: paid and organic sources, two currencies, five countries, leaks and losses."""
    _companies(portal)
    _contacts(portal)
    _won(portal)
    _lost(portal)
    _open(portal)


def _companies(portal: StoredPortal) -> None:
    for number, (name, code, place, region, city) in enumerate(
        (
            ("Acme", "US", "USA", "California", "San Francisco"),
            ("Bolt", "US", "United States", "california", "Oakland"),
            ("Crane", "US", "US", None, None),
            ("Dahl", "DE", "Deutschland", "Berlin", "Berlin"),
            ("Eon", None, "Atlantis", None, None),
            ("Fjord", None, None, None, None),
        )
    ):
        portal.company(f"{9000 + number}", name=name, country_code=code, country_text=place, region=region, city=city)


def _contacts(portal: StoredPortal) -> None:
    for number in range(24):
        portal.contact(
            f"{100 + number}",
            name=f"Person {number}",
            source=("PAID_SEARCH", "ORGANIC_SEARCH", "OFFLINE", None)[number % 4 if number < 12 else 0],
            lifecycle_stage="lead" if number < 20 else "subscriber",
            lead_status="UNQUALIFIED" if number % 3 == 0 else "BAD_TIMING" if number % 5 == 0 else "NEW",
            modified_at=days_ago(120 if number % 2 else 3),
            properties={"disqualified_reason": "Student"} if number % 6 == 0 else {},
        )
    portal.contact("300", name="Old link", source="REFERRALS", lifecycle_stage="customer", referenced_only=True)
    portal.contact(
        "301",
        name="Intern",
        source="REFERRALS",
        lifecycle_stage="lead",
        filtered_reason="e-mail domain is the client's own",
    )
    portal.execute(
        """INSERT INTO hubspot_properties (connector_id, mind_id, object_type, name, label, type, field_type)
           VALUES (:connector, :mind, 'contacts', 'disqualified_reason', 'Disqualified Reason', 'string', 'text')""",
        mind=portal.mind_id,
    )


def _won(portal: StoredPortal) -> None:
    places = (
        ("US", "USA", "California", "San Francisco"),
        ("US", "United States", "california", "Oakland"),
        ("US", "US", None, None),
        ("DE", "Deutschland", "Berlin", "Berlin"),
        (None, "Atlantis", None, None),
        (None, None, None, None),
    )
    for number in range(14):
        code, place, region, city = places[number % 6]
        portal.deal(
            f"{1000 + number}",
            outcome="won",
            stage_id="closedwon",
            attributed_source="PAID_SEARCH" if number < 9 else "OFFLINE" if number < 11 else None,
            attribution_step="deal" if number < 9 else "contact" if number < 11 else None,
            amount=None if number == 8 else 10_000 + 500 * number,
            currency="EUR" if number == 3 else "USD",
            amount_home=None if number == 8 else 10_000 + 500 * number,
            deal_type="newbusiness" if number < 7 else "existingbusiness" if number < 10 else None,
            created_at=days_ago(200 + number),
            close_at=days_ago(100 + 5 * number),
            primary_company_id=f"{9000 + number % 6}",
            place_country_code=code,
            place_country_text=place,
            place_region=region,
            place_city=city,
        )


def _lost(portal: StoredPortal) -> None:
    reasons = (
        ["Too expensive"] * 4 + ["No budget this year", "price"] + ["Went with a competitor"] * 2 + ["zzz", None, None]
    )
    for number, reason in enumerate(reasons):
        portal.deal(
            f"{2000 + number}",
            outcome="lost",
            stage_id="closedlost",
            attributed_source="ORGANIC_SEARCH" if number % 2 else "PAID_SEARCH",
            attribution_step="company",
            amount=1_000 * (number + 1),
            currency="USD",
            close_at=days_ago(30 + number),
            loss_reason=reason,
        )


def _open(portal: StoredPortal) -> None:
    for number in range(8):
        portal.deal(
            f"{3000 + number}",
            attributed_source="REFERRALS",
            attribution_step="deal",
            amount=5_000,
            currency="USD",
            close_at=days_ago(10) if number < 3 else days_ago(-30),
        )
    portal.deal("3100", name="Renewal 2027", late_stage=True, stage_id="contractsent", amount=80_000, currency="USD",
                amount_home=80_000, owner_id="11", primary_company_id="9000", close_at=days_ago(-20))  # fmt: skip
    portal.link("3100", "contacts", "101")
