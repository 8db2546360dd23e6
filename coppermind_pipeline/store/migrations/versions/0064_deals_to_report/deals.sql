-- What reports read of all deals, in a tenth of the pages, and how many records there are, without counting them.
-- Both follow hubspot_crm_objects by triggers, statement by statement: whoever writes it can't forget them.

-- A record's properties make its row wide, and other types lie between: a report over 300,000 deals read a gigabyte.
CREATE TABLE hubspot_deals (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    hubspot_id text NOT NULL,
    name text,
    outcome text,
    outcome_disagrees boolean,
    late_stage boolean,
    filtered_reason text,
    amount numeric,
    currency text,
    amount_home numeric,
    probability numeric(5, 4),
    stage_probability numeric(5, 4),
    pipeline_id text,
    stage_id text,
    owner_id text,
    loss_reason text,
    deal_type text,
    primary_company_id text,
    lead_contact_id text,
    attributed_source text,
    place_country_code text,
    place_country_text text,
    place_region text,
    created_at timestamptz,
    modified_at timestamptz,
    close_at timestamptz,
    closed_won_at timestamptz,
    entered_closed_won_at timestamptz,
    entered_stage_at timestamptz,
    PRIMARY KEY (connector_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_deals IS 'sync: live deals as reports read them, a copy of columns of hubspot_crm_objects';
CREATE INDEX hubspot_deals_closed ON hubspot_deals (connector_id, close_at);
CREATE INDEX hubspot_deals_created ON hubspot_deals (connector_id, created_at);
CREATE INDEX hubspot_deals_open ON hubspot_deals (connector_id) WHERE outcome = 'open';

CREATE TABLE hubspot_record_counts (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL,
    stored bigint NOT NULL,
    referenced_only bigint NOT NULL,
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
) WITH (fillfactor = 50);  -- few rows, updated with each batch: in place
COMMENT ON TABLE hubspot_record_counts IS 'sync: how many live records there are of each type';

-- Who may see them, as every table of a mind (0047_the_store/access.sql).
DO $$
DECLARE of_a_mind text;
BEGIN
    FOREACH of_a_mind IN ARRAY ARRAY['hubspot_deals', 'hubspot_record_counts'] LOOP
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

-- With the columns of live_records that reports name, so that a statement can read either.
CREATE VIEW live_deals WITH (security_invoker = true) AS SELECT *, 'deals' AS object_type FROM hubspot_deals;
COMMENT ON VIEW live_deals IS 'sync: live deals as reports read them, narrow; others read live_records';
GRANT SELECT ON live_deals TO coppermind_app, coppermind_reader, coppermind_mind_reader;

CREATE VIEW record_counts WITH (security_invoker = true) AS SELECT * FROM hubspot_record_counts;
COMMENT ON VIEW record_counts IS 'sync: how many live records there are of each type, without counting them';
GRANT SELECT ON record_counts TO coppermind_app, coppermind_reader, coppermind_mind_reader;

CREATE FUNCTION copy_deals(asked_connector text, asked_deals text[]) RETURNS void
    LANGUAGE sql SET search_path = coppermind, pg_temp
    AS $$
    DELETE FROM hubspot_deals AS deal
     WHERE deal.connector_id = asked_connector AND deal.hubspot_id = ANY(asked_deals)
       AND NOT EXISTS (SELECT FROM live_records AS record
                        WHERE record.connector_id = asked_connector AND record.object_type = 'deals'
                          AND record.hubspot_id = deal.hubspot_id);
    INSERT INTO hubspot_deals AS deal
           (connector_id, mind_id, hubspot_id, name, outcome, outcome_disagrees, late_stage, filtered_reason, amount,
            currency, amount_home, probability, stage_probability, pipeline_id, stage_id, owner_id, loss_reason,
            deal_type, primary_company_id, lead_contact_id, attributed_source, place_country_code, place_country_text,
            place_region, created_at, modified_at, close_at, closed_won_at, entered_closed_won_at, entered_stage_at)
    SELECT connector_id, mind_id, hubspot_id, name, outcome, outcome_disagrees, late_stage, filtered_reason, amount,
           currency, amount_home, probability, stage_probability, pipeline_id, stage_id, owner_id, loss_reason,
           deal_type, primary_company_id, lead_contact_id, attributed_source, place_country_code, place_country_text,
           place_region, created_at, modified_at, close_at, closed_won_at, entered_closed_won_at, entered_stage_at
      FROM live_records AS record
     WHERE record.connector_id = asked_connector AND record.object_type = 'deals'
       AND record.hubspot_id = ANY(asked_deals)
    ON CONFLICT (connector_id, hubspot_id) DO UPDATE
       SET (name, outcome, outcome_disagrees, late_stage, filtered_reason, amount, currency, amount_home, probability,
            stage_probability, pipeline_id, stage_id, owner_id, loss_reason, deal_type, primary_company_id,
            lead_contact_id, attributed_source, place_country_code, place_country_text, place_region, created_at,
            modified_at, close_at, closed_won_at, entered_closed_won_at, entered_stage_at)
         = (excluded.name, excluded.outcome, excluded.outcome_disagrees, excluded.late_stage,
            excluded.filtered_reason, excluded.amount, excluded.currency, excluded.amount_home, excluded.probability,
            excluded.stage_probability, excluded.pipeline_id, excluded.stage_id, excluded.owner_id,
            excluded.loss_reason, excluded.deal_type, excluded.primary_company_id, excluded.lead_contact_id,
            excluded.attributed_source, excluded.place_country_code, excluded.place_country_text,
            excluded.place_region, excluded.created_at, excluded.modified_at, excluded.close_at,
            excluded.closed_won_at, excluded.entered_closed_won_at, excluded.entered_stage_at)
     WHERE deal IS DISTINCT FROM excluded
$$;
COMMENT ON FUNCTION copy_deals IS 'sync: brings the copies of deals up to their records';

CREATE FUNCTION follow_new_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    PERFORM copy_deals(connector_id, array_agg(hubspot_id)) FROM came WHERE object_type = 'deals' GROUP BY connector_id;
    INSERT INTO hubspot_record_counts AS known (connector_id, mind_id, object_type, stored, referenced_only)
    SELECT connector_id, mind_id, object_type, count(*), count(*) FILTER (WHERE referenced_only) FROM came
     WHERE archived_at IS NULL AND merged_into IS NULL GROUP BY connector_id, mind_id, object_type
    ON CONFLICT (connector_id, object_type) DO UPDATE
       SET stored = known.stored + excluded.stored, referenced_only = known.referenced_only + excluded.referenced_only;
    RETURN NULL;
END $$;

CREATE FUNCTION follow_changed_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    PERFORM copy_deals(connector_id, array_agg(hubspot_id)) FROM came WHERE object_type = 'deals' GROUP BY connector_id;
    INSERT INTO hubspot_record_counts AS known (connector_id, mind_id, object_type, stored, referenced_only)
    SELECT connector_id, mind_id, object_type, sum(step), coalesce(sum(step) FILTER (WHERE referenced_only), 0)
      FROM (SELECT connector_id, mind_id, object_type, archived_at, merged_into, referenced_only, 1 AS step FROM came
             UNION ALL
            SELECT connector_id, mind_id, object_type, archived_at, merged_into, referenced_only, -1 FROM went) AS steps
     WHERE archived_at IS NULL AND merged_into IS NULL GROUP BY connector_id, mind_id, object_type
    HAVING sum(step) <> 0 OR sum(step) FILTER (WHERE referenced_only) <> 0
    ON CONFLICT (connector_id, object_type) DO UPDATE
       SET stored = known.stored + excluded.stored, referenced_only = known.referenced_only + excluded.referenced_only;
    RETURN NULL;
END $$;

CREATE FUNCTION follow_deleted_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    PERFORM copy_deals(connector_id, array_agg(hubspot_id)) FROM went WHERE object_type = 'deals' GROUP BY connector_id;
    UPDATE hubspot_record_counts AS known
       SET stored = known.stored - gone.stored, referenced_only = known.referenced_only - gone.referenced_only
      FROM (SELECT connector_id, object_type, count(*) AS stored, count(*) FILTER (WHERE referenced_only) AS referenced_only
              FROM went WHERE archived_at IS NULL AND merged_into IS NULL GROUP BY connector_id, object_type) AS gone
     WHERE known.connector_id = gone.connector_id AND known.object_type = gone.object_type;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION follow_new_records IS 'sync: copies and counts of the records that were stored';
COMMENT ON FUNCTION follow_changed_records IS 'sync: copies and counts of the records that were changed';
COMMENT ON FUNCTION follow_deleted_records IS 'sync: copies and counts of the records that were deleted';

-- What is stored already.
INSERT INTO hubspot_record_counts
SELECT connector_id, mind_id, object_type, count(*), count(*) FILTER (WHERE referenced_only)
  FROM live_records GROUP BY connector_id, mind_id, object_type;
SELECT copy_deals(connector_id, array_agg(hubspot_id)) FROM live_records WHERE object_type = 'deals' GROUP BY connector_id;

CREATE TRIGGER follow_new AFTER INSERT ON hubspot_crm_objects
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION follow_new_records();
CREATE TRIGGER follow_changed AFTER UPDATE ON hubspot_crm_objects
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION follow_changed_records();
CREATE TRIGGER follow_deleted AFTER DELETE ON hubspot_crm_objects
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION follow_deleted_records();
