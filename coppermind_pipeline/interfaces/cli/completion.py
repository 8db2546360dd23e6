"""What the shell offers where a command waits for a mind, a connector, a period or a group.

Nothing is said where the installation can't be asked: whoever pressed a key did not ask for an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import typer

# The words of periods; a year, a month or a week is written by its number.
PERIODS = (
    "today",
    "yesterday",
    *(
        f"{which}_{unit}"
        for which in ("this", "last")
        for unit in ("week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
    ),
    "last_30_days",
    "last_90_days",
    "last_12_months",
)


def minds(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the customer's minds that begin so."""
    from coppermind_pipeline.accounts import list_minds
    from coppermind_pipeline.interfaces.cli.session import open_session

    with suppress(Exception), open_session(_customer(context)) as session:
        return beginning(incomplete, (mind.name for mind in list_minds(session.database, session.caller)))
    return []


def connectors(context: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of the customer's connectors that begin so, of the mind that was named where one was."""
    from datetime import UTC, datetime

    from coppermind_pipeline.connectors import status
    from coppermind_pipeline.interfaces.cli.session import open_session

    mind = context.params.get("mind")
    with suppress(Exception), open_session(_customer(context)) as session:
        found = status(session.database, session.caller, mind=mind, all_minds=mind is None, now=datetime.now(UTC))
        return beginning(incomplete, (each.connector_id for each in found.connectors))
    return []


def periods(incomplete: str) -> list[str]:
    """Return the words of periods that begin so."""
    return beginning(incomplete, PERIODS)


def beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    """Return the words that begin with what is written already; the command line's library takes no others."""
    return [word for word in words if word.startswith(incomplete)]


def report_groups(incomplete: str) -> list[str]:
    """Return what a CRM report can be grouped by, as far as it begins so."""
    from coppermind_pipeline.reports import GroupBy

    return beginning(incomplete, GroupBy)


def lead_groups(incomplete: str) -> list[str]:
    """Return the same of a lead report."""
    from coppermind_pipeline.reports import LeadGroupBy

    return beginning(incomplete, LeadGroupBy)


def _customer(context: typer.Context) -> str:
    return context.params.get("customer") or "local"
