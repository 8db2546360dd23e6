"""What is live and what is newest, defined once, and what search and status are made of; comments on tables."""

import re
from pathlib import Path

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_SUBJECTS = ("records", "memories", "search", "status")
_COMMENT = re.compile(r"^COMMENT ON .*;$", re.MULTILINE)


def upgrade() -> None:
    # Straight to the driver: without parameters it takes a whole file, and leaves percent signs alone.
    cursor = op.get_bind().connection.cursor()
    for subject in _SUBJECTS:
        cursor.execute((Path(__file__).with_suffix("") / f"{subject}.sql").read_text())
    # Installations that came to 0047 by its predecessors have what is there, and none of what is said about it.
    for file in Path(__file__).with_name("0047_the_store").glob("*.sql"):
        for comment in _COMMENT.findall(file.read_text()):
            cursor.execute(comment)
