"""Deals that were mapped ahead of their turn, which their turn passes over where nothing has changed since."""

from collections.abc import Sequence

from sqlalchemy import Connection, text


def changed_so_far(connection: Connection, connector_id: str) -> int:
    """Return the last change number of a connector's records."""
    return connection.scalar(_CHANGED_SO_FAR, {"connector": connector_id}) or 0


def note_mapped_ahead(
    connection: Connection, connector_id: str, deals: Sequence[str], *, until: int, rules: str
) -> None:
    """Note, where deals are queued, that they were mapped by these rules, with all changes up to `until`."""
    values = {"connector": connector_id, "deals": list(deals), "until": until, "rules": rules}
    connection.execute(_NOTE, values)


def forget_mapped_ahead(connection: Connection, connector_id: str, *, rules: str | None = None) -> None:
    """Forget what was mapped ahead; `rules`: what was mapped by others than these, whose texts no longer hold."""
    connection.execute(_FORGET, {"connector": connector_id, "rules": rules})


_CHANGED_SO_FAR = text("SELECT max(change_seq) FROM hubspot_crm_objects WHERE connector_id = :connector")

_NOTE = text(
    """INSERT INTO deals_mapped_ahead AS noted (connector_id, mind_id, hubspot_id, change_seq, rules)
       SELECT :connector, current_mind(), hubspot_id, :until, :rules
         FROM unnest(CAST(:deals AS text[])) AS deal (hubspot_id)
       ON CONFLICT (connector_id, hubspot_id) DO UPDATE
          SET change_seq = excluded.change_seq, rules = excluded.rules"""
)

_FORGET = text(
    """DELETE FROM deals_mapped_ahead
        WHERE connector_id = :connector AND (CAST(:rules AS text) IS NULL OR rules <> :rules)"""
)
