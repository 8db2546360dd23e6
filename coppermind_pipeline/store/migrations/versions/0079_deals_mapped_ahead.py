"""Deals that were mapped beside a pull, which their turn in the mapping after it passes over."""

from pathlib import Path

from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "deals_mapped_ahead.sql").read_text())
