"""What status is made of, in one query for all of a customer's connectors; rate limits without a write-ahead log."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
