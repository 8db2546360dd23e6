"""Merged records, found by the one that they became: what names them by an old id is mapped when that one changes."""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX hubspot_crm_objects_merged ON hubspot_crm_objects (connector_id, object_type, merged_into)
         WHERE merged_into IS NOT NULL
        """
    )
