"""Which of Dagster's runs are worked on, on whatever machine."""

from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE run_heartbeats (run_id text PRIMARY KEY, beat_at timestamptz NOT NULL)")
    op.execute("COMMENT ON TABLE run_heartbeats IS 'store: when the process that works on a run was last heard of'")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON run_heartbeats TO coppermind_app")
    op.execute("GRANT SELECT ON run_heartbeats TO coppermind_reader")
