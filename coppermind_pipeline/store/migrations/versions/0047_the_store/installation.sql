-- The installation as a whole, and the statistics that its plans rest on.

-- A restored database starts paused: it may be a copy of one that goes on polling.
CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    paused_since timestamptz,
    polls_looked_for_at timestamptz  -- null: nothing ever did, as where every sync is by hand
);
COMMENT ON TABLE installation IS 'store: the installation as a whole, in one row';
INSERT INTO installation DEFAULT VALUES;

-- A first sync fills the tables faster than autovacuum looks at them, and without statistics a policy's filter makes every
-- index look equally good: a join of a few thousand rows then takes minutes. To be called with each batch of writes; costs a
-- millisecond where no table has doubled since it was last analyzed. A tenth of the usual sample settles which index is the
-- better one; autovacuum takes the usual one once the table rests.
CREATE FUNCTION analyze_grown_tables() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = coppermind, pg_temp SET default_statistics_target = 10
AS $$
DECLARE
    grown regclass;
BEGIN
    FOR grown IN SELECT c.oid FROM pg_class c
                  WHERE c.relnamespace = 'coppermind'::regnamespace AND c.relkind = 'r'
                    AND pg_relation_size(c.oid) > 2 * greatest(c.relpages, 8) * current_setting('block_size')::bigint LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION analyze_grown_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_grown_tables TO coppermind_app;

-- Large values decide no plan, and would make up nearly all of an analysis.
ALTER TABLE hubspot_raw_records ALTER COLUMN payload SET STATISTICS 0, ALTER COLUMN content_hash SET STATISTICS 0;
ALTER TABLE hubspot_raw_associations ALTER COLUMN links SET STATISTICS 0;
ALTER TABLE hubspot_crm_objects ALTER COLUMN properties SET STATISTICS 0;
ALTER TABLE memories ALTER COLUMN content SET STATISTICS 0, ALTER COLUMN search SET STATISTICS 0;
ALTER TABLE memory_queue ALTER COLUMN content SET STATISTICS 0;

COMMENT ON FUNCTION analyze_grown_tables IS 'store: renews the statistics of tables that have doubled';
