"""How long calls have waited for their turn, by the books of the rate budgets."""

from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE rate_limit_states ADD COLUMN waited_s double precision NOT NULL DEFAULT 0")
