"""Portals with enough in them for a brief: deals of two years, in some currencies, from some sources."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from coppermind_pipeline_tests.reports.changes.source import Version, append_version, take_up
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

SOURCES = ("ORGANIC_SEARCH", "PAID_SEARCH", "OFFLINE", "REFERRALS")
_REASONS = ("Too expensive", "Chose a competitor", "No budget", "Bad timing", "Missing feature: SSO", "Hmm", None, None)
_STAGES = {"won": "closedwon", "lost": "closedlost", "open": "contractsent"}


def fill(
    portal: StoredPortal,
    *,
    currencies: Sequence[str] = ("USD",),
    sources: Sequence[str] = SOURCES,
    deals: int = 120,
    **columns: Any,
) -> None:
    """Store deals of the last two years; the same ones for the same arguments."""
    chance = random.Random(7)
    rows = []
    for number in range(deals):
        closed = NOW - timedelta(days=chance.randrange(700))
        outcome = chance.choice(("won", "won", "lost", "open"))
        amount = None if number % 9 == 0 else chance.randrange(800, 90_000)
        rows.append({
            "hubspot_id": str(1000 + number), "outcome": outcome, "stage": _STAGES[outcome], "close_at": closed,
            "created_at": closed - timedelta(days=chance.randrange(5, 80)), "amount": amount,
            "currency": chance.choice(currencies) if amount else None, "source": chance.choice(sources),
            "reason": chance.choice(_REASONS) if outcome == "lost" else None, "now": NOW,
            "name": columns.get("name", f"Deal {number}"), "owner_id": columns.get("owner_id"),
            "connector": portal.connector_id, "mind": portal.mind_id,
        })  # fmt: skip
    with portal.database.mind(portal.mind_id) as connection:
        connection.execute(_INSERT, rows)


def follow(portal: StoredPortal) -> None:
    """Have the portal followed since the end of last year, and one deal of this year go each way that a deal can.

    Before `fill`, whose deals have no contacts that their sources could be told by anew.
    """
    portal.execute(
        "UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=_FOLLOWED_SINCE
    )
    at_rest, later = {"dealstage": "contractsent", "amount": "1000"}, NOW - timedelta(days=60)
    lives: Sequence[tuple[dict[str, str] | None, dict[str, str]]] = (
        (None, at_rest),
        (at_rest, at_rest | {"amount": "1234567"}),
        (at_rest, at_rest | {"amount": "400"}),
        (at_rest, at_rest | {"dealstage": "closedwon", "closedate": "2026-09-10T12:00:00Z"}),
        (at_rest, at_rest | {"dealstage": "closedlost", "closedate": "2026-09-11T12:00:00Z"}),
        ({"dealstage": "closedlost", "amount": "70"}, at_rest | {"amount": "70"}),
        (at_rest, at_rest | {"deal_currency_code": "EUR"}),
    )
    for number, (before, after) in enumerate(lives):
        said = {"pipeline": "default", "dealname": "Canary of history", "deal_currency_code": "USD",
                "createdate": "2025-06-01T09:00:00Z" if before else "2026-09-18T09:00:00Z"}  # fmt: skip
        if before is not None:
            append_version(portal, f"90{number}", Version(_FOLLOWED_SINCE, said | before))
        append_version(portal, f"90{number}", Version(later, said | after))
    take_up(portal)


_FOLLOWED_SINCE = datetime(2025, 12, 30, tzinfo=UTC)

_INSERT = text("""
INSERT INTO hubspot_crm_objects (mind_id, connector_id, object_type, hubspot_id, name, pipeline_id, stage_id, outcome,
                                 late_stage, outcome_disagrees, probability, stage_probability, close_at, created_at,
                                 modified_at, read_at, amount, currency, attributed_source, loss_reason, owner_id,
                                 properties)
VALUES (:mind, :connector, 'deals', :hubspot_id, :name, 'default', :stage, :outcome, false, false, 0.2, 0.2, :close_at,
        :created_at, :now, :now, :amount, :currency, :source, :reason, :owner_id, '{}')
""")
