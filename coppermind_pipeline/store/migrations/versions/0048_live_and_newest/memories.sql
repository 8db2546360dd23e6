-- Which memories hold, and which text is the last of its source. What holds is updated through the view as well, so that
-- the condition is looked at again once a lock was waited for.

CREATE VIEW memory_versions WITH (security_invoker = true) AS
    SELECT memories.*,
           superseded_at IS NULL AND retired_at IS NULL AS is_live,
           NOT EXISTS (
               SELECT FROM memories AS newer
                WHERE newer.connector_id = memories.connector_id AND newer.source_ref = memories.source_ref
                  AND newer.id > memories.id) AS is_newest
      FROM memories;
COMMENT ON VIEW memory_versions IS 'memories: every text; whether it holds, and whether it is the last of its source';
GRANT SELECT ON memory_versions TO coppermind_app, coppermind_reader, coppermind_mind_reader;
GRANT UPDATE ON memory_versions TO coppermind_app;
