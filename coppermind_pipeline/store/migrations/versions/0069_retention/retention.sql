-- How long versions and Dagster's history are kept, how far the daily pass over each has come, and what it has removed.

CREATE TABLE retention (
    kind text PRIMARY KEY CHECK (kind IN ('records', 'memories', 'runs')),
    kept_since timestamptz,  -- what was replaced before is gone, or about to go; null: everything is there
    due_at timestamptz NOT NULL DEFAULT clock_timestamp() + interval '1 day',
    at_connector text NOT NULL DEFAULT '',  -- the connector that the pass under way is at; empty: none is, or at its start
    at_row text DEFAULT '',  -- and the last record or source of it that it has looked at; null: it has looked at all
    rows_removed bigint NOT NULL DEFAULT 0,  -- ever
    completed_at timestamptz
);
COMMENT ON TABLE retention IS 'store: since when versions and Dagster''s history are kept, and how far the removal of older ones is';
INSERT INTO retention (kind) VALUES ('records'), ('memories'), ('runs');
GRANT SELECT ON retention TO coppermind_app, coppermind_scheduler, coppermind_reader, coppermind_mind_reader;
GRANT UPDATE ON retention TO coppermind_app;

-- So that whoever asks for a portal knows since when its history is whole.
CREATE OR REPLACE VIEW portals WITH (security_invoker = true) AS
    SELECT connector.id AS connector_id, connector.mind_id, connector.hub_id, account.time_zone, account.company_currency,
           account.ui_domain, backfill.since, backfill.first_completed_at,
           (SELECT kept_since FROM retention WHERE kind = 'records') AS kept_since
      FROM connectors AS connector
      LEFT JOIN hubspot_portals AS account ON account.connector_id = connector.id
      LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id;

-- The lifecycle stage that a version of a contact shows. The value is cut out of the text, since a payload may hold what
-- PostgreSQL takes for no JSON (U+0000); names are sorted and quotes in values escaped there, so that nothing else looks
-- like it.
CREATE FUNCTION shown_stage(payload json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT nullif(btrim(split_part(split_part(CAST(payload AS text), '"lifecyclestage":"', 2), '"', 1)), '')
$$;
COMMENT ON FUNCTION shown_stage IS 'sync: the lifecycle stage that a version of a contact shows';

-- The first version that shows a stage dates its entry where the log knows what was before: an earlier version shows
-- another stage, or the contact was a day old at most. Of others it says no more than that they had been in it by then.
-- Retention keeps the first version of each stage, and the first of all.
CREATE OR REPLACE FUNCTION stages_seen(
    asked_connector text, asked_contact text, created timestamptz, dated text[], read_until timestamptz DEFAULT NULL
) RETURNS TABLE (stages text[], stages_at timestamptz[]) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    WITH versions AS (
        SELECT version, read_at, least(modified_at, read_at) AS at, row_number() OVER (ORDER BY version) AS place,
               coppermind.shown_stage(payload) AS stage
          FROM coppermind.hubspot_raw_records
         WHERE connector_id = asked_connector AND object_type = 'contacts' AND hubspot_id = asked_contact
           AND (read_until IS NULL OR read_at <= read_until)
    ), firsts AS (
        SELECT DISTINCT ON (stage) stage, version,
               CASE WHEN place > 1 OR read_at <= created + interval '1 day' THEN at END AS at
          FROM versions
         WHERE stage IS NOT NULL AND stage <> ALL (dated)
         ORDER BY stage, version
    )
    SELECT coalesce(array_agg(stage ORDER BY version), '{}'), coalesce(array_agg(at ORDER BY version), '{}') FROM firsts
$$;
