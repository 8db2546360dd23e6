-- What the operator's webhook was told of a connector last, beside what is so now. No row: never in trouble.
CREATE TABLE connector_alerts (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    trouble text,  -- null: none
    since timestamptz NOT NULL,
    told_trouble text,
    told_state text,  -- as the last message named it
    told_at timestamptz,
    told_before_at timestamptz,  -- the message before that
    attempts integer NOT NULL DEFAULT 0,  -- to tell what is so now
    try_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- who is telling it moves this past his own time
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

ALTER TABLE connector_alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mind ON connector_alerts TO coppermind_app USING (mind_id = (SELECT current_mind()))
    WITH CHECK (mind_id = (SELECT current_mind()));
CREATE POLICY reader ON connector_alerts FOR SELECT TO coppermind_reader USING (true);
CREATE POLICY scheduler ON connector_alerts FOR SELECT TO coppermind_scheduler USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON connector_alerts TO coppermind_app;
GRANT SELECT ON connector_alerts TO coppermind_reader, coppermind_scheduler;
