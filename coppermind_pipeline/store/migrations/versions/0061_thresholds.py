"""What the claims of an aggregate had to pass is told with its memory."""

from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE memory_queue ADD COLUMN aggregate_thresholds jsonb;
        ALTER TABLE memories ADD COLUMN aggregate_thresholds jsonb;
        CREATE OR REPLACE VIEW memory_versions WITH (security_invoker = true) AS
            SELECT id, mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id,
                   aggregate_connector_id, aggregate_period_key, aggregate_scope, as_of, created_at, superseded_at,
                   retired_at, retired_reason, search,
                   superseded_at IS NULL AND retired_at IS NULL AS is_live,
                   NOT EXISTS (
                       SELECT FROM memories AS newer
                        WHERE newer.connector_id = memories.connector_id AND newer.source_ref = memories.source_ref
                          AND newer.id > memories.id) AS is_newest,
                   aggregate_thresholds
              FROM memories
        """
    )
