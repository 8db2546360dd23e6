"""How long versions and Dagster's history are kept."""

from pathlib import Path

from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "retention.sql").read_text())
