-- Who may see what (docs/architecture.md, roles in the database). Each table with a mind's data carries `mind_id`, and gets
-- row-level security here; store/test_isolation.py tries every one.

-- The application: one mind (or, for the account tables, one customer) per transaction, and no row without one.
-- The sub-select makes the setting a constant of the query instead of a call per row.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA coppermind TO coppermind_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA coppermind TO coppermind_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version, installation FROM coppermind_app;
GRANT UPDATE (polls_looked_for_at) ON installation TO coppermind_app;
DO $$
DECLARE of_a_mind text;
BEGIN
    FOR of_a_mind IN SELECT table_name FROM information_schema.columns
                      WHERE table_schema = 'coppermind' AND column_name = 'mind_id' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', of_a_mind);
        EXECUTE format('CREATE POLICY mind ON %I TO coppermind_app USING (mind_id = (SELECT current_mind()))
                        WITH CHECK (mind_id = (SELECT current_mind()))', of_a_mind);
    END LOOP;
END $$;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE minds ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY customer ON customers TO coppermind_app USING (id = (SELECT current_customer()));
CREATE POLICY customer ON minds TO coppermind_app
    USING (customer_id = (SELECT current_customer()) OR id = (SELECT current_mind()))
    WITH CHECK (customer_id = (SELECT current_customer()));
CREATE POLICY customer ON access_tokens TO coppermind_app USING (customer_id = (SELECT current_customer()));

-- The scheduler: connectors and cursors of all minds, and what the next reconciliation's time depends on.
GRANT SELECT ON installation TO coppermind_scheduler;
DO $$
DECLARE scheduled text;
BEGIN
    FOREACH scheduled IN ARRAY ARRAY[
        'connectors', 'connector_alerts', 'hubspot_polls', 'hubspot_backfills', 'hubspot_cursors', 'hubspot_reconciliations',
        'hubspot_rereads', 'hubspot_drifts', 'hubspot_reference_reads'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO coppermind_scheduler', scheduled);
        EXECUTE format('CREATE POLICY scheduler ON %I FOR SELECT TO coppermind_scheduler USING (true)', scheduled);
    END LOOP;
END $$;

-- The reader: everything but secrets, across minds, for operators and BI. A reader of one mind: the same, less all others.
DO $$
DECLARE readable record;
BEGIN
    FOR readable IN SELECT relname AS name, relrowsecurity AS has_policies,
                           EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'mind_id') AS of_a_mind
                      FROM pg_class
                     WHERE relnamespace = 'coppermind'::regnamespace AND relkind = 'r' AND relname NOT IN
                           ('connector_credentials', 'oauth_states', 'access_tokens', 'rate_limit_late_calls',
                            'alembic_version') LOOP
        EXECUTE format('GRANT SELECT ON %I TO coppermind_reader', readable.name);
        IF readable.has_policies THEN
            EXECUTE format('CREATE POLICY reader ON %I FOR SELECT TO coppermind_reader USING (true)', readable.name);
        END IF;
        IF readable.of_a_mind THEN
            EXECUTE format('GRANT SELECT ON %I TO coppermind_mind_reader', readable.name);
            EXECUTE format('CREATE POLICY mind_reader ON %I FOR SELECT TO coppermind_mind_reader
                            USING (mind_id = (SELECT mind_of_login()))', readable.name);
        END IF;
    END LOOP;
END $$;
GRANT SELECT ON minds TO coppermind_mind_reader;
CREATE POLICY mind_reader ON minds FOR SELECT TO coppermind_mind_reader USING (id = (SELECT mind_of_login()));
