-- Beside a policy PostgreSQL can't use an index of `lower(…)` or of a property. So these run as the owner, and take the
-- mind from the transaction alone.

-- Companies by id, an id that was merged into them, name or domain; where none is called so, those with all the words in
-- their name. Filtered ones are told as such, and never found by words. `find_companies` stays for whoever still runs the
-- version before.
CREATE FUNCTION companies_called(
    asked text, asked_domain text, named tsquery, connectors text[], companies_max integer
) RETURNS TABLE (connector_id text, hubspot_id text, name text, domain text, is_filtered boolean, is_called boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
WITH own AS MATERIALIZED (
    SELECT connector.id FROM coppermind.connectors AS connector
     WHERE connector.mind_id = current_mind()
       AND (companies_called.connectors IS NULL OR connector.id = ANY (companies_called.connectors))
), company AS NOT MATERIALIZED (
    SELECT record.connector_id, record.hubspot_id, record.name, record.domain,
           record.filtered_reason IS NOT NULL AS is_filtered
      FROM hubspot_crm_objects AS record
     WHERE record.connector_id = ANY (ARRAY(SELECT id FROM own))
       AND record.object_type = 'companies' AND record.mind_id = current_mind()
       AND record.archived_at IS NULL AND record.merged_into IS NULL
), called AS MATERIALIZED (
    SELECT * FROM company WHERE company.hubspot_id = asked
    UNION
    SELECT company.*
      FROM own
     CROSS JOIN LATERAL (SELECT merge.survivor_id FROM hubspot_merges AS merge
                          WHERE merge.connector_id = own.id AND merge.object_type = 'companies'
                            AND merge.loser_id = asked OFFSET 0) AS merged
      JOIN company ON company.connector_id = own.id AND company.hubspot_id = merged.survivor_id
    UNION
    SELECT * FROM company
     WHERE lower(left(company.name, 200)) = lower(left(asked, 200)) AND lower(company.name) = lower(asked)
    UNION
    SELECT * FROM company
     WHERE lower(left(company.domain, 200)) = lower(left(asked_domain, 200))
       AND lower(company.domain) = lower(asked_domain)
), alike AS (
    SELECT company.*
      FROM memories_with(named, ROW(ARRAY['fact'], ARRAY['open'], connectors, NULL, false, NULL, NULL, NULL),
                         companies_max) AS found
      JOIN memories AS memory ON memory.id = found.id AND memory.object_type = 'companies'
      JOIN company ON company.connector_id = memory.connector_id AND company.hubspot_id = memory.hubspot_id
     WHERE NOT EXISTS (SELECT FROM called) AND NOT company.is_filtered
)
SELECT either.* FROM (SELECT *, true AS is_called FROM called UNION ALL SELECT *, false FROM alike) AS either
 ORDER BY either.is_filtered, either.name, either.connector_id, length(either.hubspot_id), either.hubspot_id
 LIMIT companies_max
$$;

-- Contacts whose own company this is, by its id or one that was merged into it; and, told apart, those that have no own
-- company and write this one's name.
CREATE FUNCTION contacts_of_company(asked_connector text, asked_id text)
RETURNS TABLE (hubspot_id text, by_name boolean, modified_at timestamptz, is_filtered boolean)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = coppermind, pg_temp
AS $$
WITH called AS MATERIALIZED (
    SELECT asked_id AS id
    UNION
    SELECT merge.loser_id FROM hubspot_merges AS merge
     WHERE merge.connector_id = asked_connector AND merge.object_type = 'companies' AND merge.survivor_id = asked_id
), contact AS (
    SELECT own.*, false AS by_name
      FROM called
     CROSS JOIN LATERAL (SELECT stored.* FROM hubspot_crm_objects AS stored
                          WHERE stored.connector_id = asked_connector AND stored.mind_id = current_mind()
                            AND stored.object_type = 'contacts'
                            AND stored.properties ->> 'associatedcompanyid' = called.id OFFSET 0) AS own
    UNION ALL
    SELECT writing.*, true
      FROM (SELECT record.name FROM hubspot_crm_objects AS record
             WHERE record.connector_id = asked_connector AND record.mind_id = current_mind()
               AND record.object_type = 'companies' AND record.hubspot_id = asked_id OFFSET 0) AS company
     CROSS JOIN LATERAL (SELECT stored.* FROM hubspot_crm_objects AS stored
                          WHERE stored.connector_id = asked_connector AND stored.mind_id = current_mind()
                            AND stored.object_type = 'contacts' AND stored.properties ->> 'associatedcompanyid' IS NULL
                            AND lower(left(stored.company_name, 200)) = lower(left(company.name, 200))
                         OFFSET 0) AS writing
)
SELECT contact.hubspot_id, contact.by_name, contact.modified_at, contact.filtered_reason IS NOT NULL
  FROM contact
 WHERE contact.archived_at IS NULL AND contact.merged_into IS NULL
$$;

COMMENT ON FUNCTION companies_called IS 'memories: the transaction''s mind''s companies of an id, name or domain, else of these words';
COMMENT ON FUNCTION contacts_of_company IS 'sync: contacts whose own company this is, and those that only write its name';
REVOKE EXECUTE ON FUNCTION companies_called, contacts_of_company FROM PUBLIC;
GRANT EXECUTE ON FUNCTION companies_called, contacts_of_company TO coppermind_app;
