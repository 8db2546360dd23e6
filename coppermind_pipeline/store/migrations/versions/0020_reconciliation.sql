-- A version may also say that HubSpot no longer has the record: then `payload` is what was known last, or nothing where
-- it was erased. Null beside a time: archived, as HubSpot itself says.
ALTER TABLE hubspot_raw_records ADD COLUMN archived_reason text CHECK (archived_reason IN ('purged', 'erased'));

-- Which record lives on for each one that was merged away, chains of merges resolved; known from the survivors' own
-- properties, or from an answer to the old id, whether or not the old record was ever read.
CREATE TABLE hubspot_merges (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    loser_id text NOT NULL,
    survivor_id text NOT NULL CHECK (survivor_id <> loser_id),
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, object_type, loser_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
CREATE INDEX hubspot_merges_survivor ON hubspot_merges (connector_id, object_type, survivor_id);

-- How far the walk of each type's lists is: the live one, then the archived one, then what neither of them has.
CREATE TABLE hubspot_reconciliations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    phase text NOT NULL DEFAULT 'live' CHECK (phase IN ('live', 'archived', 'absent')),
    after text,  -- of a list: its cursor; of the absent ones: the last id that was settled
    pages integer NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}',  -- what the walk found and put right so far, by kind
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- The ids that a walk under way has met, a page of them per row; gone when it is complete.
CREATE TABLE hubspot_walked_pages (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    page integer NOT NULL,
    hubspot_ids text[] NOT NULL,
    PRIMARY KEY (connector_id, object_type, page),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- The rolling re-read. A record up to `last_id` was read since `started_at`, whatever its own row says; so none has to
-- be written just to note that it was looked at.
CREATE TABLE hubspot_rereads (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    definitions_hash text NOT NULL,  -- the set of property names of the last read; blank: another round is due
    last_id text NOT NULL DEFAULT '',
    records bigint NOT NULL DEFAULT 0,  -- of the present round
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- with the definitions, for the last time
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- HubSpot's count of each type's window beside ours, and which ids differ where the difference stayed.
CREATE TABLE hubspot_drifts (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    portal_total bigint NOT NULL,  -- modified since the window's start, by HubSpot's search
    stored_total bigint NOT NULL,  -- live rows of the window
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differs_since timestamptz,
    confirmed_at timestamptz,  -- not null: it is drift
    missing_ids text[] NOT NULL DEFAULT '{}',  -- a sample: found by search, not readable and not stored
    surplus_ids text[] NOT NULL DEFAULT '{}',  -- a sample: stored and readable, not found by search
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['hubspot_merges', 'hubspot_reconciliations', 'hubspot_walked_pages', 'hubspot_rereads',
                             'hubspot_drifts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY mind ON %I TO coppermind_app USING (mind_id = (SELECT current_mind()))
                        WITH CHECK (mind_id = (SELECT current_mind()))', t);
        EXECUTE format('CREATE POLICY reader ON %I FOR SELECT TO coppermind_reader USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO coppermind_app', t);
        EXECUTE format('GRANT SELECT ON %I TO coppermind_reader', t);
    END LOOP;
END $$;

-- The scheduler asks when the next reconciliation is due, and that also depends on when definitions changed.
GRANT SELECT ON hubspot_reconciliations, hubspot_rereads, hubspot_drifts, hubspot_reference_reads TO coppermind_scheduler;
CREATE POLICY scheduler ON hubspot_reconciliations FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_rereads FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_drifts FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_reference_reads FOR SELECT TO coppermind_scheduler USING (true);
