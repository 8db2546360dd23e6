"""Sessions of browsers, and the links that begin them, are known to all that serves pages, on whatever machine."""

from pathlib import Path

from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "sign_ins.sql").read_text())
