"""What rooms ask of tables that others own: views and functions of the owners."""

from pathlib import Path

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "doors.sql").read_text())
