-- What reports of leads read of all contacts, in a fraction of the pages: as 0064_deals_to_report does for deals, and by
-- triggers as there.

CREATE TABLE hubspot_contacts (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    hubspot_id text NOT NULL,
    referenced_only boolean NOT NULL,
    filtered_reason text,
    created_at timestamptz,
    modified_at timestamptz,
    owner_id text,
    source text,
    source_detail_1 text,
    lifecycle_stage text,
    lead_status text,
    country_code text,
    country_text text,
    region text,
    stages_entered text[] NOT NULL,
    stages_entered_at timestamptz[] NOT NULL,
    stages_seen text[] NOT NULL,
    stages_seen_at timestamptz[] NOT NULL,
    PRIMARY KEY (connector_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_contacts IS 'sync: live contacts as reports read them, a copy of columns of hubspot_crm_objects';
CREATE INDEX hubspot_contacts_created ON hubspot_contacts (connector_id, created_at);
DROP INDEX hubspot_crm_objects_contacts_created;

-- Who may see them, as every table of a mind (0047_the_store/access.sql).
GRANT SELECT, INSERT, UPDATE, DELETE ON hubspot_contacts TO coppermind_app;
GRANT SELECT ON hubspot_contacts TO coppermind_reader, coppermind_mind_reader;
ALTER TABLE hubspot_contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mind ON hubspot_contacts TO coppermind_app USING (mind_id = (SELECT current_mind()))
    WITH CHECK (mind_id = (SELECT current_mind()));
CREATE POLICY reader ON hubspot_contacts FOR SELECT TO coppermind_reader USING (true);
CREATE POLICY mind_reader ON hubspot_contacts FOR SELECT TO coppermind_mind_reader
    USING (mind_id = (SELECT mind_of_login()));

CREATE VIEW live_contacts WITH (security_invoker = true) AS
    SELECT *, 'contacts' AS object_type FROM hubspot_contacts;
COMMENT ON VIEW live_contacts IS 'sync: live contacts as reports read them, narrow; others read live_records';
GRANT SELECT ON live_contacts TO coppermind_app, coppermind_reader, coppermind_mind_reader;

CREATE FUNCTION copy_contacts(asked_connector text, asked_contacts text[]) RETURNS void
    LANGUAGE sql SET search_path = coppermind, pg_temp
    AS $$
    DELETE FROM hubspot_contacts AS contact
     WHERE contact.connector_id = asked_connector AND contact.hubspot_id = ANY(asked_contacts)
       AND NOT EXISTS (SELECT FROM live_records AS record
                        WHERE record.connector_id = asked_connector AND record.object_type = 'contacts'
                          AND record.hubspot_id = contact.hubspot_id);
    INSERT INTO hubspot_contacts AS contact
           (connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
            source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
            stages_entered_at, stages_seen, stages_seen_at)
    SELECT connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
           source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
           stages_entered_at, stages_seen, stages_seen_at
      FROM live_records AS record
     WHERE record.connector_id = asked_connector AND record.object_type = 'contacts'
       AND record.hubspot_id = ANY(asked_contacts)
    ON CONFLICT (connector_id, hubspot_id) DO UPDATE
       SET (referenced_only, filtered_reason, created_at, modified_at, owner_id, source, source_detail_1,
            lifecycle_stage, lead_status, country_code, country_text, region, stages_entered, stages_entered_at,
            stages_seen, stages_seen_at)
         = (excluded.referenced_only, excluded.filtered_reason, excluded.created_at, excluded.modified_at,
            excluded.owner_id, excluded.source, excluded.source_detail_1, excluded.lifecycle_stage,
            excluded.lead_status, excluded.country_code, excluded.country_text, excluded.region,
            excluded.stages_entered, excluded.stages_entered_at, excluded.stages_seen, excluded.stages_seen_at)
     WHERE contact IS DISTINCT FROM excluded
$$;
COMMENT ON FUNCTION copy_contacts IS 'sync: brings the copies of contacts up to their records';

CREATE FUNCTION follow_contacts() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    PERFORM copy_contacts(connector_id, array_agg(hubspot_id))
       FROM touched WHERE object_type = 'contacts' GROUP BY connector_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION follow_contacts IS 'sync: copies of the contacts that were stored, changed or deleted';

-- What is stored already.
SELECT copy_contacts(connector_id, array_agg(hubspot_id))
  FROM live_records WHERE object_type = 'contacts' GROUP BY connector_id;

CREATE TRIGGER follow_new_contacts AFTER INSERT ON hubspot_crm_objects
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION follow_contacts();
CREATE TRIGGER follow_changed_contacts AFTER UPDATE ON hubspot_crm_objects
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION follow_contacts();
CREATE TRIGGER follow_deleted_contacts AFTER DELETE ON hubspot_crm_objects
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION follow_contacts();
