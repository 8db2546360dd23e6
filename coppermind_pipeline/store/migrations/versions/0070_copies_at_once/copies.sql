-- hubspot_deals and hubspot_contacts are written from the rows of the statement that they follow, which it cost more to
-- read once again by key.

DROP TRIGGER follow_new_contacts ON hubspot_crm_objects;
DROP TRIGGER follow_changed_contacts ON hubspot_crm_objects;
DROP TRIGGER follow_deleted_contacts ON hubspot_crm_objects;
DROP FUNCTION follow_contacts;

CREATE FUNCTION copy_written_records() RETURNS trigger
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
            stages_entered_at, stages_seen, stages_seen_at)
    SELECT connector_id, mind_id, hubspot_id, referenced_only, filtered_reason, created_at, modified_at, owner_id,
           source, source_detail_1, lifecycle_stage, lead_status, country_code, country_text, region, stages_entered,
           stages_entered_at, stages_seen, stages_seen_at
      FROM came
     WHERE object_type = 'contacts' AND archived_at IS NULL AND merged_into IS NULL
    ON CONFLICT (connector_id, hubspot_id) DO UPDATE
       SET (referenced_only, filtered_reason, created_at, modified_at, owner_id, source, source_detail_1,
            lifecycle_stage, lead_status, country_code, country_text, region, stages_entered, stages_entered_at,
            stages_seen, stages_seen_at)
         = (excluded.referenced_only, excluded.filtered_reason, excluded.created_at, excluded.modified_at,
            excluded.owner_id, excluded.source, excluded.source_detail_1, excluded.lifecycle_stage,
            excluded.lead_status, excluded.country_code, excluded.country_text, excluded.region,
            excluded.stages_entered, excluded.stages_entered_at, excluded.stages_seen, excluded.stages_seen_at)
     WHERE contact IS DISTINCT FROM excluded;
    RETURN NULL;
END $$;

CREATE FUNCTION copy_deleted_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
DECLARE gone record;
BEGIN
    FOR gone IN SELECT connector_id, object_type, array_agg(hubspot_id) AS ids FROM went GROUP BY connector_id, object_type
    LOOP
        PERFORM drop_copies(gone.connector_id, gone.object_type, gone.ids);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION drop_copies(asked_connector text, asked_type text, asked_records text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    IF asked_type = 'deals' THEN
        DELETE FROM hubspot_deals WHERE connector_id = asked_connector AND hubspot_id = ANY(asked_records);
    ELSIF asked_type = 'contacts' THEN
        DELETE FROM hubspot_contacts WHERE connector_id = asked_connector AND hubspot_id = ANY(asked_records);
    END IF;
END $$;
COMMENT ON FUNCTION copy_written_records IS 'sync: copies the deals and contacts that were stored or changed';
COMMENT ON FUNCTION copy_deleted_records IS 'sync: takes out the copies of the deals and contacts that were deleted';
COMMENT ON FUNCTION drop_copies IS 'sync: takes out the copies of records that are not live';

CREATE TRIGGER copy_new AFTER INSERT ON hubspot_crm_objects
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION copy_written_records();
CREATE TRIGGER copy_changed AFTER UPDATE ON hubspot_crm_objects
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION copy_written_records();
CREATE TRIGGER copy_deleted AFTER DELETE ON hubspot_crm_objects
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION copy_deleted_records();

-- These count from now on, and copy no more.
CREATE OR REPLACE FUNCTION follow_new_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    INSERT INTO hubspot_record_counts AS known (connector_id, mind_id, object_type, stored, referenced_only)
    SELECT connector_id, mind_id, object_type, count(*), count(*) FILTER (WHERE referenced_only) FROM came
     WHERE archived_at IS NULL AND merged_into IS NULL GROUP BY connector_id, mind_id, object_type
    ON CONFLICT (connector_id, object_type) DO UPDATE
       SET stored = known.stored + excluded.stored, referenced_only = known.referenced_only + excluded.referenced_only;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION follow_changed_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
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

CREATE OR REPLACE FUNCTION follow_deleted_records() RETURNS trigger
    LANGUAGE plpgsql SET search_path = coppermind, pg_temp
    AS $$
BEGIN
    UPDATE hubspot_record_counts AS known
       SET stored = known.stored - gone.stored, referenced_only = known.referenced_only - gone.referenced_only
      FROM (SELECT connector_id, object_type, count(*) AS stored, count(*) FILTER (WHERE referenced_only) AS referenced_only
              FROM went WHERE archived_at IS NULL AND merged_into IS NULL GROUP BY connector_id, object_type) AS gone
     WHERE known.connector_id = gone.connector_id AND known.object_type = gone.object_type;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION follow_new_records IS 'sync: counts the records that were stored';
COMMENT ON FUNCTION follow_changed_records IS 'sync: counts the records that were changed';
COMMENT ON FUNCTION follow_deleted_records IS 'sync: counts the records that were deleted';

DROP FUNCTION copy_deals;
DROP FUNCTION copy_contacts;
