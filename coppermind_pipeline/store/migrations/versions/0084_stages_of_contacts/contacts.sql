-- hubspot_contacts has beside the lists of stages what reports of leads ask of them, which took longer to work out of the
-- lists than all else of a report: for each of the many contacts that may have entered a stage in a range.

-- The five of the funnel have a column each, and a bit of `been_in` each, from the first on.
CREATE FUNCTION contact_stages(
    lifecycle_stage text, entered text[], entered_at timestamptz[], seen text[], seen_at timestamptz[]
) RETURNS TABLE (
    first_entered_at timestamptz, last_entered_at timestamptz, lead_at timestamptz, marketingqualifiedlead_at timestamptz,
    salesqualifiedlead_at timestamptz, opportunity_at timestamptz, customer_at timestamptz, been_in smallint,
    seen_in smallint, other_stages text[], undated_stages text[]
) LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT min(dated_at), max(dated_at),
           min(dated_at) FILTER (WHERE stage = 'lead'),
           min(dated_at) FILTER (WHERE stage = 'marketingqualifiedlead'),
           min(dated_at) FILTER (WHERE stage = 'salesqualifiedlead'),
           min(dated_at) FILTER (WHERE stage = 'opportunity'),
           min(dated_at) FILTER (WHERE stage = 'customer'),
           CAST(coalesce(bit_or(bit), 0) AS smallint),
           CAST(coalesce(bit_or(bit) FILTER (WHERE stage = ANY(seen)), 0) AS smallint),
           array_agg(stage) FILTER (WHERE bit = 0),
           array_agg(stage) FILTER (WHERE dated_at IS NULL)
      FROM (SELECT stage, dated_at,
                   CASE stage WHEN 'lead' THEN 1 WHEN 'marketingqualifiedlead' THEN 2 WHEN 'salesqualifiedlead' THEN 4
                              WHEN 'opportunity' THEN 8 WHEN 'customer' THEN 16 ELSE 0 END AS bit
              FROM (SELECT unnest(entered || seen) AS stage, unnest(entered_at || seen_at) AS dated_at
                     UNION ALL
                    SELECT lifecycle_stage, NULL WHERE lifecycle_stage <> ALL (entered || seen)) AS listed
             WHERE stage IS NOT NULL) AS known
$$;
COMMENT ON FUNCTION contact_stages IS 'sync: what the stages come down to that a contact is known to have been in, its present one among them';

-- Made anew, with what is looked at most in front.
ALTER TABLE hubspot_contacts RENAME TO contacts_before;
ALTER INDEX hubspot_contacts_pkey RENAME TO contacts_before_pkey;
ALTER INDEX hubspot_contacts_created RENAME TO contacts_before_created;
CREATE TABLE hubspot_contacts (
    mind_id uuid NOT NULL,
    referenced_only boolean NOT NULL,
    been_in smallint NOT NULL DEFAULT 0,
    seen_in smallint NOT NULL DEFAULT 0,
    created_at timestamptz,
    first_entered_at timestamptz,
    last_entered_at timestamptz,
    lead_at timestamptz,
    marketingqualifiedlead_at timestamptz,
    salesqualifiedlead_at timestamptz,
    opportunity_at timestamptz,
    customer_at timestamptz,
    modified_at timestamptz,
    connector_id text NOT NULL,
    filtered_reason text,
    undated_stages text[],
    other_stages text[],
    source text,
    lifecycle_stage text,
    lead_status text,
    hubspot_id text NOT NULL,
    owner_id text,
    country_code text,
    country_text text,
    region text,
    source_detail_1 text,
    stages_entered text[] NOT NULL,
    stages_entered_at timestamptz[] NOT NULL,
    stages_seen text[] NOT NULL,
    stages_seen_at timestamptz[] NOT NULL
);
COMMENT ON TABLE hubspot_contacts IS 'sync: live contacts as reports read them, a copy of columns of hubspot_crm_objects';

-- Who may see them, as every table of a mind (0047_the_store/access.sql).
GRANT SELECT, INSERT, UPDATE, DELETE ON hubspot_contacts TO coppermind_app;
GRANT SELECT ON hubspot_contacts TO coppermind_reader, coppermind_mind_reader;
ALTER TABLE hubspot_contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY mind ON hubspot_contacts TO coppermind_app USING (mind_id = (SELECT current_mind()))
    WITH CHECK (mind_id = (SELECT current_mind()));
CREATE POLICY reader ON hubspot_contacts FOR SELECT TO coppermind_reader USING (true);
CREATE POLICY mind_reader ON hubspot_contacts FOR SELECT TO coppermind_mind_reader
    USING (mind_id = (SELECT mind_of_login()));

-- What is stored already.
INSERT INTO hubspot_contacts
       (connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
        source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
        stages_entered_at, stages_seen, stages_seen_at, first_entered_at, last_entered_at, lead_at,
        marketingqualifiedlead_at, salesqualifiedlead_at, opportunity_at, customer_at, been_in, seen_in,
        other_stages, undated_stages)
SELECT connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
       source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
       stages_entered_at, stages_seen, stages_seen_at, first_entered_at, last_entered_at, lead_at,
       marketingqualifiedlead_at, salesqualifiedlead_at, opportunity_at, customer_at, been_in, seen_in,
       other_stages, undated_stages
  FROM contacts_before
 CROSS JOIN LATERAL contact_stages(lifecycle_stage, stages_entered, stages_entered_at, stages_seen, stages_seen_at);
ALTER TABLE hubspot_contacts
    ADD PRIMARY KEY (connector_id, hubspot_id),
    ADD FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id);
CREATE INDEX hubspot_contacts_created ON hubspot_contacts (connector_id, created_at);
CREATE INDEX hubspot_contacts_beside_funnel ON hubspot_contacts (connector_id, last_entered_at)
    WHERE other_stages IS NOT NULL;

-- Reports group by months of these dates, by days between them, and by whether they lie in a range. The planner would
-- expect a group of each date, and one process to add them all up.
ALTER TABLE hubspot_contacts
    ALTER created_at SET (n_distinct = 12), ALTER lead_at SET (n_distinct = 2),
    ALTER marketingqualifiedlead_at SET (n_distinct = 2), ALTER salesqualifiedlead_at SET (n_distinct = 2),
    ALTER opportunity_at SET (n_distinct = 2), ALTER customer_at SET (n_distinct = 2);
ANALYZE hubspot_contacts;

CREATE OR REPLACE VIEW live_contacts WITH (security_invoker = true) AS
    SELECT connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
           source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
           stages_entered_at, stages_seen, stages_seen_at, 'contacts' AS object_type, first_entered_at,
           last_entered_at, lead_at, marketingqualifiedlead_at, salesqualifiedlead_at, opportunity_at, customer_at,
           been_in, seen_in, other_stages, undated_stages
      FROM hubspot_contacts;
DROP TABLE contacts_before;

CREATE OR REPLACE FUNCTION copy_written_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
DECLARE gone record;
BEGIN
    FOR gone IN SELECT connector_id, object_type, array_agg(hubspot_id) AS ids FROM came
                 WHERE archived_at IS NOT NULL OR merged_into IS NOT NULL GROUP BY connector_id, object_type
    LOOP
        PERFORM drop_copies(gone.connector_id, gone.object_type, gone.ids);
    END LOOP;
    INSERT INTO hubspot_deals AS deal
           (connector_id, mind_id, hubspot_id, name, outcome, outcome_disagrees, late_stage, filtered_reason, amount,
            currency, amount_home, probability, stage_probability, pipeline_id, stage_id, owner_id, loss_reason,
            deal_type, primary_company_id, lead_contact_id, attributed_source, place_country_code, place_country_text,
            place_region, created_at, modified_at, close_at, closed_won_at, entered_closed_won_at, entered_stage_at)
    SELECT connector_id, mind_id, hubspot_id, name, outcome, outcome_disagrees, late_stage, filtered_reason, amount,
           currency, amount_home, probability, stage_probability, pipeline_id, stage_id, owner_id, loss_reason,
           deal_type, primary_company_id, lead_contact_id, attributed_source, place_country_code, place_country_text,
           place_region, created_at, modified_at, close_at, closed_won_at, entered_closed_won_at, entered_stage_at
      FROM came
     WHERE object_type = 'deals' AND archived_at IS NULL AND merged_into IS NULL
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
     WHERE deal IS DISTINCT FROM excluded;
    INSERT INTO hubspot_contacts AS contact
           (connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
            source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
            stages_entered_at, stages_seen, stages_seen_at, first_entered_at, last_entered_at, lead_at,
            marketingqualifiedlead_at, salesqualifiedlead_at, opportunity_at, customer_at, been_in, seen_in,
            other_stages, undated_stages)
    SELECT connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
           source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
           stages_entered_at, stages_seen, stages_seen_at, first_entered_at, last_entered_at, lead_at,
           marketingqualifiedlead_at, salesqualifiedlead_at, opportunity_at, customer_at, been_in, seen_in,
           other_stages, undated_stages
      FROM came
     CROSS JOIN LATERAL contact_stages(lifecycle_stage, stages_entered, stages_entered_at, stages_seen, stages_seen_at)
     WHERE object_type = 'contacts' AND archived_at IS NULL AND merged_into IS NULL
    ON CONFLICT (connector_id, hubspot_id) DO UPDATE
       SET (referenced_only, filtered_reason, created_at, modified_at, owner_id, source, source_detail_1,
            lifecycle_stage, lead_status, country_code, country_text, region, stages_entered, stages_entered_at,
            stages_seen, stages_seen_at, first_entered_at, last_entered_at, lead_at, marketingqualifiedlead_at,
            salesqualifiedlead_at, opportunity_at, customer_at, been_in, seen_in, other_stages,
            undated_stages)
         = (excluded.referenced_only, excluded.filtered_reason, excluded.created_at, excluded.modified_at,
            excluded.owner_id, excluded.source, excluded.source_detail_1, excluded.lifecycle_stage,
            excluded.lead_status, excluded.country_code, excluded.country_text, excluded.region,
            excluded.stages_entered, excluded.stages_entered_at, excluded.stages_seen, excluded.stages_seen_at,
            excluded.first_entered_at, excluded.last_entered_at, excluded.lead_at, excluded.marketingqualifiedlead_at,
            excluded.salesqualifiedlead_at, excluded.opportunity_at, excluded.customer_at, excluded.been_in,
            excluded.seen_in, excluded.other_stages, excluded.undated_stages)
     WHERE contact IS DISTINCT FROM excluded;
    RETURN NULL;
END $$;
