"""Deals by when they were read, for what changed in a range of a few of many."""

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX hubspot_raw_records_deals_read ON hubspot_raw_records (connector_id, read_at)"
        " WHERE object_type = 'deals'"
    )
