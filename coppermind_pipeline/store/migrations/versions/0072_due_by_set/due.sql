-- What sensors ask of all connectors at once. No role sees memories or syntheses of several minds, so these run as the
-- owner, and tell the scheduler times and names of periods alone.

-- An entry is left waiting when it has been available for so long that no drain is about to claim it.
CREATE FUNCTION queues_left_waiting(available_for interval) RETURNS TABLE (connector_id text, oldest_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
    SELECT connector.id, entry.available_at
      FROM connectors AS connector
     CROSS JOIN LATERAL (SELECT waiting.available_at FROM memory_queue AS waiting
                          WHERE waiting.connector_id = connector.id AND waiting.state = 'pending'
                            AND waiting.available_at < clock_timestamp() - available_for
                          ORDER BY waiting.available_at LIMIT 1) AS entry
     WHERE connector.status = 'active'
$$;
COMMENT ON FUNCTION queues_left_waiting IS 'memories: active connectors of which entries wait that nobody works off, and since when';

CREATE FUNCTION synthesized_periods()
    RETURNS TABLE (connector_id text, time_zone text, first_completed_at timestamptz, phase double precision, published text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
    SELECT connector.id, account.time_zone, backfill.first_completed_at, connector_phase(connector.id),
           ARRAY(SELECT synthesis.period_key FROM syntheses AS synthesis
                  WHERE synthesis.connector_id = connector.id AND synthesis.published_at IS NOT NULL)
      FROM connectors AS connector
      JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id
      LEFT JOIN hubspot_portals AS account ON account.connector_id = connector.id
     WHERE connector.status = 'active' AND backfill.first_completed_at IS NOT NULL
$$;
COMMENT ON FUNCTION synthesized_periods IS 'synthesis: which periods each active connector with a complete backfill has published';

REVOKE EXECUTE ON FUNCTION queues_left_waiting, synthesized_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queues_left_waiting, synthesized_periods TO coppermind_scheduler;
