"""Where in its period a connector's recurring work lies, so that the work of many does not come due together."""

from alembic import op

revision = "0053"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A digest rather than chance: the same at every look, so that what is not due now is not due a moment before.
    op.execute(
        """
        CREATE FUNCTION connector_phase(connector text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CAST(CAST('x' || left(md5(connector), 8) AS bit(32)) AS bigint) / 4294967296.0;
        """
    )
    op.execute("COMMENT ON FUNCTION connector_phase IS 'store: a connector''s share of a period, from 0 to below 1'")
    op.execute("REVOKE EXECUTE ON FUNCTION connector_phase FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION connector_phase TO coppermind_app, coppermind_scheduler")
