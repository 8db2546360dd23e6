"""The store, subject by subject: its tables and who may see what. What search and status ask is in 0048."""

from pathlib import Path

from alembic import op

revision = "0047"
down_revision = None
branch_labels = None
depends_on = None

# In the order in which they refer to each other.
SUBJECTS = (
    "accounts", "connectors", "portals", "progress", "raw", "crm", "memories", "installation", "access",
)  # fmt: skip


def upgrade() -> None:
    files = Path(__file__).with_suffix("")
    for subject in SUBJECTS:
        # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
        op.get_bind().connection.cursor().execute((files / f"{subject}.sql").read_text())
