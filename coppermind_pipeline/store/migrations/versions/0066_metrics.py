"""One definition of what several faces count, and views of figures for BI: `metric_*`."""

from pathlib import Path

from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "metrics.sql").read_text())
