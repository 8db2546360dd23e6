"""SQL in each form that the product has it in, for the test of what reads it."""

COLUMNS = "id, name"
TABLE = "portals"
LISTED = f"SELECT {COLUMNS} FROM {TABLE}"
MADE_LATER = "SELECT {columns} FROM deals WHERE {condition}"
OWN_PART = "JOIN owners AS owner ON owner.id = deal.owner_id"
WRITTEN = """
WITH gone AS (DELETE FROM deals AS deal USING portals WHERE deal.portal_id = portals.id RETURNING deal.id)
INSERT INTO archive AS stored (id) SELECT id FROM gone
ON CONFLICT (id) DO UPDATE SET id = excluded.id WHERE stored.id <> (SELECT max(id) FROM owners)
"""


def within(condition: str, table: str) -> tuple[str, ...]:
    """Return statements that only a call knows wholly."""
    return (
        f"UPDATE deals AS deal SET name = :name FROM owners WHERE {condition}",
        f"DELETE FROM {table} WHERE id = :id",
        "TRUNCATE archive",
        "SELECT forget(:id)",
    )
