"""More views of figures for BI: amounts in company currency, where sources are from, leads."""

from pathlib import Path

from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "metrics.sql").read_text())
