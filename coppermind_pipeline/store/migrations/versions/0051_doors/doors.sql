-- What rooms ask of tables that others own. Views and functions obey the policies of whoever asks, and become part of the
-- statement that names them: those that return tables are planned as if they stood in it.

-- By which rules a stage works is its own affair, and left out.
CREATE VIEW checkpoints WITH (security_invoker = true) AS
    SELECT connector_id, mind_id, stage, seq, at FROM pipeline_stages;
COMMENT ON VIEW checkpoints IS 'store: up to which change each later stage has worked, and when it did something last';

CREATE VIEW interpretations WITH (security_invoker = true) AS
    SELECT connector_id, mind_id, applied -> 'settings' AS settings, applied -> 'filters' AS filters
      FROM pipeline_stages WHERE stage = 'normalize' AND applied IS NOT NULL;
COMMENT ON VIEW interpretations IS 'catalog: by which settings and filters a connector''s records are interpreted; no row: none yet';

CREATE VIEW definition_changes WITH (security_invoker = true) AS
    SELECT connector_id, mind_id, kind AS object_type, read_at AS changed_at
      FROM hubspot_reference_reads WHERE kind IN ('contacts', 'companies', 'deals');
COMMENT ON VIEW definition_changes IS 'catalog: when a type''s property definitions were found to have changed last';

CREATE VIEW sync_facts WITH (security_invoker = true) AS
    SELECT connector.id AS connector_id, connector.mind_id,
           poll.last_succeeded_at AS last_pull_at, poll.retry_at,
           backfill.completed_at AS backfill_completed_at, coalesce(backfill.totals, '{}') AS totals,
           ARRAY(SELECT hydration.object_type FROM hubspot_hydrations AS hydration
                  WHERE hydration.connector_id = connector.id ORDER BY hydration.object_type) AS degraded,
           ARRAY(SELECT drift.object_type FROM hubspot_drifts AS drift
                  WHERE drift.connector_id = connector.id AND drift.confirmed_at IS NOT NULL
                  ORDER BY drift.object_type) AS adrift,
           (SELECT coalesce(jsonb_object_agg(of_type.object_type, of_type.records), '{}')
              FROM (SELECT skipped.object_type, count(DISTINCT skipped.hubspot_id) AS records
                      FROM hubspot_skipped_records AS skipped
                     WHERE skipped.connector_id = connector.id GROUP BY skipped.object_type) AS of_type) AS skipped
      FROM connectors AS connector
      LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connector.id
      LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id;
COMMENT ON VIEW sync_facts IS 'sync: how far each connector is synced, and what of its portal could not be read';

GRANT SELECT ON checkpoints, interpretations, definition_changes, sync_facts
   TO coppermind_app, coppermind_reader, coppermind_mind_reader;
GRANT SELECT ON definition_changes TO coppermind_scheduler;

CREATE FUNCTION records_read(asked_connector text, asked_type text, read_until timestamptz)
    RETURNS TABLE (hubspot_id text) LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT DISTINCT version.hubspot_id FROM coppermind.hubspot_raw_records AS version
     WHERE version.connector_id = asked_connector AND version.object_type = asked_type AND version.read_at <= read_until
$$;
COMMENT ON FUNCTION records_read IS 'sync: the records of a type of which a version had been read by a time';

CREATE FUNCTION noted_problem(asked_connector text, asked_code text)
    RETURNS TABLE (since timestamptz, last_seen timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT problem.since, problem.last_seen FROM coppermind.connector_problems AS problem
     WHERE problem.connector_id = asked_connector AND problem.code = asked_code
$$;
COMMENT ON FUNCTION noted_problem IS 'connectors: since when a connector has a problem, and when it was seen last; no row: it is gone';

-- A restore asks, which replaces them: as an administrator, in whatever schema.
CREATE FUNCTION accounts_held(OUT customers bigint, OUT minds bigint) LANGUAGE sql STABLE
AS $$
    SELECT (SELECT count(*) FROM coppermind.customers), (SELECT count(*) FROM coppermind.minds)
$$;
COMMENT ON FUNCTION accounts_held IS 'accounts: how many customers and minds there are';

REVOKE EXECUTE ON FUNCTION records_read, noted_problem, accounts_held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION records_read, noted_problem TO coppermind_app;
