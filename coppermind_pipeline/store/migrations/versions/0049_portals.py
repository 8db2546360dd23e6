"""What is known of a connector's portal, as one view."""

from pathlib import Path

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "portals.sql").read_text())
