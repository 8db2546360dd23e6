"""Contacts as reports of leads read them, narrow, as deals are (0064)."""

from pathlib import Path

from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "contacts.sql").read_text())
