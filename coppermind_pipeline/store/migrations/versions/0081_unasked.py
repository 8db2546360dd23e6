"""Drop a function that nobody asks any more: which records had been read by a time."""

from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP FUNCTION records_read")
