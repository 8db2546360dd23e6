-- Which records are there, and which of their versions counts.
-- Views obey the policies of whoever asks (`security_invoker`), and become part of the statement that names them.

CREATE VIEW live_records WITH (security_invoker = true) AS
    SELECT * FROM hubspot_crm_objects WHERE archived_at IS NULL AND merged_into IS NULL;
COMMENT ON VIEW live_records IS 'sync: records that HubSpot has: neither archived nor merged, purged or erased';
GRANT SELECT ON live_records TO coppermind_app, coppermind_reader, coppermind_mind_reader;

-- A function instead of a view: asked record by record, each is one look into the key, and it is planned as if it stood in
-- the statement. Of a view the planner would read the whole log of a type for a page of records.
CREATE FUNCTION newest_version(
    asked_connector text, asked_type text, asked_record text, read_until timestamptz DEFAULT NULL
) RETURNS SETOF hubspot_raw_records LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT * FROM coppermind.hubspot_raw_records AS version
     WHERE version.connector_id = asked_connector AND version.object_type = asked_type
       AND version.hubspot_id = asked_record AND (read_until IS NULL OR version.read_at <= read_until)
     ORDER BY version.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION newest_version IS 'sync: the last version of a record that was read, until a time where one is given';
