-- Records that HubSpot does not answer for, not even alone: everything else goes on, and the re-read asks for them again.
CREATE TABLE hubspot_skipped_records (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    hubspot_id text NOT NULL,
    part text NOT NULL CHECK (part IN ('record', 'links')),
    tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, object_type, hubspot_id, part),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

ALTER TABLE hubspot_skipped_records ENABLE ROW LEVEL SECURITY;
CREATE POLICY mind ON hubspot_skipped_records TO coppermind_app USING (mind_id = (SELECT current_mind()))
    WITH CHECK (mind_id = (SELECT current_mind()));
CREATE POLICY reader ON hubspot_skipped_records FOR SELECT TO coppermind_reader USING (true);
CREATE POLICY mind_reader ON hubspot_skipped_records FOR SELECT TO coppermind_mind_reader
    USING (mind_id = (SELECT mind_of_login()));
GRANT SELECT, INSERT, UPDATE, DELETE ON hubspot_skipped_records TO coppermind_app;
GRANT SELECT ON hubspot_skipped_records TO coppermind_reader, coppermind_mind_reader;

-- A connector's skipped records as status shows them, by type: how many, and the first hundred ids. As the owner, like
-- connector_facts, and like that for the transaction's customer alone. Null: none.
CREATE FUNCTION connector_skipped_records(asked_connector text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
SELECT jsonb_object_agg(object_type, jsonb_build_object(
           'count', cardinality(ids), 'ids', to_jsonb(ids[:100])))
  FROM (SELECT s.object_type, array_agg(DISTINCT s.hubspot_id) AS ids
          FROM hubspot_skipped_records s JOIN connectors c ON c.id = s.connector_id
         WHERE c.id = asked_connector AND c.customer_id = current_customer()
         GROUP BY s.object_type) AS skipped
$$;
REVOKE EXECUTE ON FUNCTION connector_skipped_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION connector_skipped_records TO coppermind_app;
