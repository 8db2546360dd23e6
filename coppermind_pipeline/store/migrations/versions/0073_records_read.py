"""Versions of all records by when they were read, of which a few of many may have been otherwise at an earlier time."""

from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX hubspot_raw_records_read ON hubspot_raw_records (connector_id, read_at)")
    op.execute("DROP INDEX hubspot_raw_records_deals_read")
