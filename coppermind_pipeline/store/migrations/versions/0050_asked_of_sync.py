"""What `connectors`, which stands below sync, asks of it: a look at a portal at once, and a backfill once more."""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION look_again(asked_connector text, forgive boolean) RETURNS void LANGUAGE sql
        AS $$
            UPDATE coppermind.hubspot_polls
               SET retry_at = NULL, failures = CASE WHEN forgive THEN 0 ELSE failures END
             WHERE connector_id = asked_connector
        $$
        """
    )
    op.execute("COMMENT ON FUNCTION look_again IS 'sync: ends the time for which a portal is left alone'")
    # Held until the transaction ends: no slice completes the backfill while it is looked at.
    op.execute(
        """
        CREATE FUNCTION hold_backfill(asked_connector text) RETURNS timestamptz LANGUAGE sql
        AS $$
            SELECT since FROM coppermind.hubspot_backfills WHERE connector_id = asked_connector FOR UPDATE
        $$
        """
    )
    op.execute("COMMENT ON FUNCTION hold_backfill IS 'sync: the start of the window, whose backfill it holds still'")
    op.execute(
        """
        CREATE FUNCTION backfill_reads(asked_connector text, asked_types text[], asked_since timestamptz)
        RETURNS boolean LANGUAGE sql
        AS $$
            SELECT true FROM coppermind.hubspot_backfills AS backfill
             WHERE connector_id = asked_connector AND completed_at IS NULL AND since <= asked_since
               AND NOT EXISTS (SELECT FROM coppermind.hubspot_cursors AS earlier
                                WHERE earlier.connector_id = asked_connector AND scan = 'backfill'
                                  AND object_type = ANY(asked_types) AND earlier.started_at < backfill.started_at)
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION backfill_reads IS 'sync: whether the one under way reads all of it, or has just read it'"
    )
    # The window never shrinks: what was read before stays part of it. The next slice begins scans if there are none. A
    # slice under way finds no cursor to move, so what it still reads vouches for nothing.
    op.execute(
        """
        CREATE FUNCTION restart_backfill(asked_connector text, asked_types text[], asked_since timestamptz)
        RETURNS void LANGUAGE sql
        AS $$
            UPDATE coppermind.hubspot_backfills
               SET since = least(since, asked_since), completed_at = NULL, totals = totals - asked_types,
                   started_at = CASE WHEN completed_at IS NULL THEN started_at ELSE clock_timestamp() END
             WHERE connector_id = asked_connector;
            DELETE FROM coppermind.hubspot_cursors
             WHERE connector_id = asked_connector AND scan = 'backfill' AND object_type = ANY(asked_types);
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION restart_backfill IS 'sync: reads these types once more, and never a smaller window'"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION look_again, hold_backfill, backfill_reads, restart_backfill FROM PUBLIC")
    op.execute(
        "GRANT EXECUTE ON FUNCTION look_again, hold_backfill, backfill_reads, restart_backfill TO coppermind_app"
    )
