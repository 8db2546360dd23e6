"""What checks need to know beside status, and what was reported of them last."""

from pathlib import Path

from alembic import op

revision = "0052"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    op.get_bind().connection.cursor().execute((Path(__file__).with_suffix("") / "checks.sql").read_text())
