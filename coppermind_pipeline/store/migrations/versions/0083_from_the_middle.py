"""Where a scan stands that goes from the middle of its ids as well as from both ends."""

from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # From the first to the second all are stored; the second is one less where none are yet.
    op.execute("ALTER TABLE hubspot_cursors ADD COLUMN middle_first_id bigint, ADD COLUMN middle_last_id bigint")
