"""Contacts that have their company from the association alone: found by it, when the company is called another name."""

from alembic import op

revision = "0058"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX hubspot_crm_objects_company
            ON hubspot_crm_objects (connector_id, (properties ->> 'associatedcompanyid'))
         WHERE object_type = 'contacts' AND company_name IS NULL
        """
    )
