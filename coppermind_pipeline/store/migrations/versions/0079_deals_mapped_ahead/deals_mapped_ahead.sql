-- A first sync maps its deals while it still reads; none is mapped twice for that. Rows are there until the next mapping.
CREATE TABLE deals_mapped_ahead (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    hubspot_id text NOT NULL,
    change_seq bigint NOT NULL,  -- all changes up to here are in the text, the deal's own and those of what it names
    rules text NOT NULL,  -- digest of all else that the text depends on
    PRIMARY KEY (connector_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE deals_mapped_ahead IS 'memories: deals that were mapped ahead of their turn in the next mapping';

-- Who may see them, as every table of a mind (0047_the_store/access.sql).
GRANT SELECT, INSERT, UPDATE, DELETE ON deals_mapped_ahead TO coppermind_app;
GRANT SELECT ON deals_mapped_ahead TO coppermind_reader, coppermind_mind_reader;
ALTER TABLE deals_mapped_ahead ENABLE ROW LEVEL SECURITY;
CREATE POLICY mind ON deals_mapped_ahead TO coppermind_app
    USING (mind_id = (SELECT current_mind())) WITH CHECK (mind_id = (SELECT current_mind()));
CREATE POLICY reader ON deals_mapped_ahead FOR SELECT TO coppermind_reader USING (true);
CREATE POLICY mind_reader ON deals_mapped_ahead FOR SELECT TO coppermind_mind_reader
    USING (mind_id = (SELECT mind_of_login()));
