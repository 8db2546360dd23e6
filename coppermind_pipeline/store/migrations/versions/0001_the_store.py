"""The store: accounts, connectors, the raw log, the normalized CRM, memories, roles and row-level security."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
