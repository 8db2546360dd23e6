"""What is due of all connectors, asked at once."""

from pathlib import Path

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "due.sql").read_text())
