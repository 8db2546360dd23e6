"""Entries of connectors' logs are removed too, and associations that ended are found by when they did."""

from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE retention DROP CONSTRAINT retention_kind_check")
    op.execute("ALTER TABLE retention ADD CHECK (kind IN ('records', 'memories', 'runs', 'logs'))")
    op.execute("INSERT INTO retention (kind) VALUES ('logs')")
    op.execute(
        "CREATE INDEX hubspot_associations_ended ON hubspot_associations (connector_id, valid_to) "
        "WHERE valid_to IS NOT NULL"
    )
