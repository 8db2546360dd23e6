"""Close dates as people mean them: a bare day is that day in every zone; and texts that a passing day changes."""

from alembic import op

revision = "0057"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It becomes part of the statement that names it. Whether a moment is midnight is told without looking a zone up,
    # since it is asked of every deal.
    op.execute(
        """
        CREATE FUNCTION close_moment(at timestamptz, zone text) RETURNS timestamptz
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE WHEN date_bin('1 day', at, timestamptz '2000-01-01 00:00:00+00') = at
                    THEN (at AT TIME ZONE 'UTC') AT TIME ZONE zone ELSE at END
        """
    )
    op.execute(
        "COMMENT ON FUNCTION close_moment IS 'catalog: when a deal closes for people in a zone; of a bare day, which "
        "is kept as midnight UTC, its first moment'"
    )
    op.execute("ALTER TABLE pipeline_stages DROP CONSTRAINT pipeline_stages_stage_check")
    op.execute(
        """
        ALTER TABLE pipeline_stages ADD CONSTRAINT pipeline_stages_stage_check CHECK (stage IN
            ('associate', 'reference', 'normalize', 'link', 'attribute', 'map', 'map_deals', 'map_days', 'queue'))
        """
    )
