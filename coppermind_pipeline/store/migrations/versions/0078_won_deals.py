"""Won deals by the dates that they alone have: a report on one of these read all deals seven times."""

from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, column in (
        ("hubspot_deals_won", "closed_won_at"),
        ("hubspot_deals_entered_won", "entered_closed_won_at"),
    ):
        op.execute(f"CREATE INDEX {name} ON hubspot_deals (connector_id, {column}) WHERE outcome = 'won'")
