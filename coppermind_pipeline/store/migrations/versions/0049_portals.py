"""What is known of a connector's portal, as one view."""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE VIEW portals WITH (security_invoker = true) AS
            SELECT connector.id AS connector_id, connector.mind_id, connector.hub_id, account.time_zone,
                   account.company_currency, account.ui_domain, backfill.since, backfill.first_completed_at
              FROM connectors AS connector
              LEFT JOIN hubspot_portals AS account ON account.connector_id = connector.id
              LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id
        """
    )
    op.execute("COMMENT ON VIEW portals IS 'catalog: the account of a connector''s portal, and the window read of it'")
    op.execute("GRANT SELECT ON portals TO coppermind_app, coppermind_reader, coppermind_mind_reader")
