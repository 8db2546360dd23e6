-- What was reported to Dagster, and what checks are made of beside status (`connectors/status`).

CREATE TABLE connector_check_reports (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    check_name text NOT NULL,
    outcome text NOT NULL,  -- `passed`, or severity and cause: what has to differ to be told at once
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (connector_id, check_name),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connector_check_reports IS 'connectors: which outcome of each check Dagster was told last, and when';

-- Sparse: of most portals there is no row. Written with the texts, so that nobody has to look for them later.
CREATE TABLE memory_label_gaps (
    source_ref text PRIMARY KEY,
    mind_id uuid NOT NULL,
    connector_id text NOT NULL,
    missing text[] NOT NULL,  -- what the text names in words, such as `stage`, as HubSpot has no label of it
    internal text[] NOT NULL,  -- what it shows as HubSpot stores it, as the portal calls it nothing else
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE memory_label_gaps IS 'memories: records whose texts lack a label; no row: they have them all';
CREATE INDEX memory_label_gaps_connector ON memory_label_gaps (connector_id);

-- Of which interpretation of the records a profile speaks, so that it is made anew with the next one.
ALTER TABLE hubspot_portals ADD COLUMN profile_rules text;

-- Who may see them, as every table of a mind (0047_the_store/access.sql).
DO $$
DECLARE of_a_mind text;
BEGIN
    FOREACH of_a_mind IN ARRAY ARRAY['connector_check_reports', 'memory_label_gaps'] LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO coppermind_app', of_a_mind);
        EXECUTE format('GRANT SELECT ON %I TO coppermind_reader, coppermind_mind_reader', of_a_mind);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', of_a_mind);
        EXECUTE format('CREATE POLICY mind ON %I TO coppermind_app USING (mind_id = (SELECT current_mind()))
                        WITH CHECK (mind_id = (SELECT current_mind()))', of_a_mind);
        EXECUTE format('CREATE POLICY reader ON %I FOR SELECT TO coppermind_reader USING (true)', of_a_mind);
        EXECUTE format('CREATE POLICY mind_reader ON %I FOR SELECT TO coppermind_mind_reader
                        USING (mind_id = (SELECT mind_of_login()))', of_a_mind);
    END LOOP;
END $$;
GRANT SELECT ON connector_check_reports TO coppermind_scheduler;
CREATE POLICY scheduler ON connector_check_reports FOR SELECT TO coppermind_scheduler USING (true);

-- Two more facts about a connector of the transaction's customer, as connector_skipped_records (0048). Null: none.
CREATE FUNCTION connector_label_gaps(asked_connector text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
WITH gaps AS (SELECT gap.missing, gap.internal
                FROM memory_label_gaps AS gap JOIN connectors AS connector ON connector.id = gap.connector_id
               WHERE connector.id = asked_connector AND connector.customer_id = current_customer())
SELECT jsonb_build_object(
           'missing', count(*) FILTER (WHERE missing <> '{}'),
           'missing_of', (SELECT coalesce(jsonb_agg(DISTINCT what), '[]') FROM gaps, unnest(missing) AS what),
           'internal', count(*) FILTER (WHERE internal <> '{}'),
           'internal_of', (SELECT coalesce(jsonb_agg(DISTINCT what), '[]') FROM gaps, unnest(internal) AS what))
  FROM gaps
HAVING count(*) > 0
$$;

CREATE FUNCTION connector_refused_properties(asked_connector text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
SELECT jsonb_object_agg(hydration.object_type, cardinality(hydration.refused))
  FROM hubspot_hydrations AS hydration JOIN connectors AS connector ON connector.id = hydration.connector_id
 WHERE connector.id = asked_connector AND connector.customer_id = current_customer()
$$;

COMMENT ON FUNCTION connector_label_gaps IS 'memories: how many texts lack a label, and of what, as checks show it';
COMMENT ON FUNCTION connector_refused_properties IS 'sync: how many properties HubSpot refuses, by type of record';
REVOKE EXECUTE ON FUNCTION connector_label_gaps, connector_refused_properties FROM PUBLIC;
GRANT EXECUTE ON FUNCTION connector_label_gaps, connector_refused_properties TO coppermind_app;
