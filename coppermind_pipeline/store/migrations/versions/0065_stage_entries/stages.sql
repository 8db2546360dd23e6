-- Lifecycle stages of contacts, with the dates of entry. The columns are filled when records are interpreted next, which
-- the rules' version brings about.

ALTER TABLE hubspot_crm_objects ADD COLUMN stages_entered text[] NOT NULL DEFAULT '{}';  -- lifecycle stages of a contact whose date of entry HubSpot has
ALTER TABLE hubspot_crm_objects ADD COLUMN stages_entered_at timestamptz[] NOT NULL DEFAULT '{}';  -- these dates, in the same order
ALTER TABLE hubspot_crm_objects ADD COLUMN stages_seen text[] NOT NULL DEFAULT '{}';  -- further ones that a version of the contact was in
ALTER TABLE hubspot_crm_objects ADD COLUMN stages_seen_at timestamptz[] NOT NULL DEFAULT '{}';  -- since when at the latest; null: unknown

CREATE OR REPLACE VIEW live_records WITH (security_invoker = true) AS
    SELECT * FROM hubspot_crm_objects WHERE archived_at IS NULL AND merged_into IS NULL;

-- A report of leads asks for the contacts that were created in a range.
CREATE INDEX hubspot_crm_objects_contacts_created ON hubspot_crm_objects (connector_id, created_at)
    WHERE object_type = 'contacts';

-- The first version that shows a stage dates its entry where the log knows what was before: an earlier version shows
-- another stage, or the contact was a day old at most. Of others it says no more than that they had been in it by then.
-- The value is cut out of the text, since a payload may hold what PostgreSQL takes for no JSON (U+0000); names are sorted
-- and quotes in values escaped there, so that nothing else looks like it.
CREATE FUNCTION stages_seen(
    asked_connector text, asked_contact text, created timestamptz, dated text[], read_until timestamptz DEFAULT NULL
) RETURNS TABLE (stages text[], stages_at timestamptz[]) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    WITH versions AS (
        SELECT version, read_at, least(modified_at, read_at) AS at, row_number() OVER (ORDER BY version) AS place,
               nullif(btrim(split_part(split_part(CAST(payload AS text), '"lifecyclestage":"', 2), '"', 1)), '') AS stage
          FROM coppermind.hubspot_raw_records
         WHERE connector_id = asked_connector AND object_type = 'contacts' AND hubspot_id = asked_contact
           AND (read_until IS NULL OR read_at <= read_until)
    ), firsts AS (
        SELECT DISTINCT ON (stage) stage, version,
               CASE WHEN place > 1 OR read_at <= created + interval '1 day' THEN at END AS at
          FROM versions
         WHERE stage IS NOT NULL AND stage <> ALL (dated)
         ORDER BY stage, version
    )
    SELECT coalesce(array_agg(stage ORDER BY version), '{}'), coalesce(array_agg(at ORDER BY version), '{}') FROM firsts
$$;
COMMENT ON FUNCTION stages_seen IS 'sync: lifecycle stages that a contact''s versions show and no date of HubSpot''s tells of';

-- In which way a lead leaks: in one at most, the first of these.
CREATE FUNCTION lead_leak(
    lead_status text, lifecycle_stage text, modified_at timestamptz, in_open_deal boolean,
    disqualified text[], postponed text, stuck_stages text[], unchanged_since timestamptz
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN lead_status = ANY (disqualified) THEN 'disqualified'
                WHEN lead_status = postponed THEN 'postponed'
                WHEN lifecycle_stage = ANY (stuck_stages) AND modified_at <= unchanged_since AND NOT in_open_deal
                THEN 'stuck' END
$$;
COMMENT ON FUNCTION lead_leak IS 'sync: in which way a lead leaks, if any: disqualified, postponed or stuck';
