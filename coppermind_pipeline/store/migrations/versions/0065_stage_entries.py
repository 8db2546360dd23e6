"""When contacts entered the stages of their lifecycle, and in which way a lead leaks."""

from pathlib import Path

from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "stages.sql").read_text())
