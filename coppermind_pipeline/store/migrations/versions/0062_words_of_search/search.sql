-- Search over memories (memories/reading/search.py). Beside a policy PostgreSQL can't use the text index, so these run as
-- the owner, and take the mind from the transaction alone. `search` holds the mind as a word of its own, so that the index
-- meets no other mind's rows; beside the text's words it holds marks: `name:acme` for a word of the record's name,
-- `name=acme inc` for a whole one, `scope:channel_mix` for an aggregate.

ALTER TABLE memories ADD COLUMN day date;  -- when the deal closes, when another record was created

DROP FUNCTION search_memories(tsquery, text[], text[], text[], text, boolean, integer, integer);

-- Which memories may be found; null is every one.
CREATE TYPE memory_selection AS (
    types text[],
    sensitivities text[],
    connectors text[],
    period text,
    include_superseded boolean,
    refs text[],
    first_day date,
    last_day date
);

-- What is asked for. An empty query asks for nothing.
CREATE TYPE memory_question AS (
    every_word tsquery,  -- all words that say something
    words tsquery[],     -- each word
    openings tsquery[],  -- each word where a text begins
    phrase tsquery,      -- all words as far from each other as they were written
    whole_name tsquery,  -- the record whose whole name was written
    names tsquery,       -- records with all words in their name
    some_name tsquery,   -- records with any word in their name
    scopes text[],       -- the aggregates that answer
    rests tsquery[],     -- of each scope: what the aggregate has to speak of besides
    named tsquery[]      -- of each scope: the names that are asked for rather than it
);

-- As it was, with the day.
CREATE OR REPLACE VIEW memory_versions WITH (security_invoker = true) AS
    SELECT id, mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id,
           aggregate_connector_id, aggregate_period_key, aggregate_scope, as_of, created_at, superseded_at, retired_at,
           retired_reason, search,
           superseded_at IS NULL AND retired_at IS NULL AS is_live,
           NOT EXISTS (
               SELECT FROM memories AS newer
                WHERE newer.connector_id = memories.connector_id AND newer.source_ref = memories.source_ref
                  AND newer.id > memories.id) AS is_newest,
           aggregate_thresholds, day
      FROM memories;

CREATE FUNCTION memories_with(asked tsquery, selected memory_selection, rows_max integer)
RETURNS TABLE (id bigint, search tsvector, day date, is_record boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    of_mind tsquery := quote_literal((tsvector_to_array(mind_lexeme()))[1])::tsquery;
BEGIN
    IF numnode(asked) = 0 THEN
        RETURN;
    END IF;
    -- The empty vector unpacks a stored one, once for all that is asked of it.
    RETURN QUERY
    SELECT memory.id, memory.search || ''::tsvector, memory.day, memory.aggregate_scope IS NULL
      FROM memory_versions AS memory
     WHERE memory.search @@ (of_mind && asked) AND memory.mind_id = current_mind() AND memory.retired_at IS NULL
       AND (selected.types IS NULL OR memory.type = ANY (selected.types))
       AND memory.sensitivity = ANY (selected.sensitivities)
       AND (selected.connectors IS NULL OR memory.connector_id = ANY (selected.connectors))
       AND (selected.refs IS NULL OR memory.source_ref = ANY (selected.refs))
       AND (selected.first_day IS NULL OR memory.day >= selected.first_day)
       AND (selected.last_day IS NULL OR memory.day <= selected.last_day)
       AND CASE WHEN selected.period IS NULL THEN selected.include_superseded OR memory.is_live
                ELSE memory.aggregate_period_key = selected.period AND (selected.include_superseded OR memory.is_newest)
           END
     LIMIT rows_max;
END $$;

-- The best memories, best first: the aggregate that answers; those with all words; those with more of the words, of which
-- one that few have counts for more; those of records that are called so; those that begin with the words; records before
-- aggregates; words that stand together; the newest day. Of each way to be found `candidates_max` are ranked, and
-- `all_ranked` says whether there were no more. Those with some words are looked for where too few have all.
CREATE FUNCTION search_memories(
    asked memory_question, selected memory_selection, candidates_max integer, hits_max integer
) RETURNS TABLE (id bigint, all_ranked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
WITH answering AS MATERIALIZED (
    SELECT found.*
      FROM unnest(asked.scopes, asked.rests, asked.named) AS topic (scope, rest, named)
     CROSS JOIN LATERAL memories_with(quote_literal('scope:' || topic.scope)::tsquery, selected, hits_max) AS found
     WHERE (numnode(topic.rest) = 0 OR found.search @@ topic.rest)
       AND NOT EXISTS (SELECT FROM memories_with(topic.named, selected, 1))
), named AS MATERIALIZED (
    SELECT * FROM memories_with(asked.whole_name || asked.some_name, selected, candidates_max)
), complete AS MATERIALIZED (
    SELECT * FROM memories_with(asked.every_word, selected, candidates_max)
), word AS MATERIALIZED (
    SELECT query, place, greatest(candidates_max / greatest(cardinality(asked.words), 1), 1) AS candidates_max
      FROM unnest(asked.words) WITH ORDINALITY AS each (query, place)
), partly AS MATERIALIZED (
    SELECT word.place, found.*
      FROM word CROSS JOIN LATERAL memories_with(word.query, selected, word.candidates_max) AS found
     WHERE (SELECT count(*) FROM complete) < hits_max
), weighed AS MATERIALIZED (
    SELECT word.query, ln(1 + candidates_max::float8 / greatest(count(partly.id), 1)) AS weight,
           count(partly.id) < word.candidates_max AS all_ranked
      FROM word LEFT JOIN partly ON partly.place = word.place
     GROUP BY word.place, word.query, word.candidates_max
), candidate AS MATERIALIZED (
    SELECT *, true AS answers, false AS is_named, false AS is_complete FROM answering
    UNION ALL
    SELECT *, false, true, false FROM named
    UNION ALL
    SELECT *, false, false, true FROM complete
    UNION ALL
    SELECT id, search, day, is_record, false, false, false FROM partly
), ranked AS (
    SELECT candidate.id, candidate.day, candidate.is_record, candidate.answers,
           candidate.is_complete OR candidate.search @@ asked.every_word AS has_all,
           (SELECT sum(weighed.weight) FROM weighed WHERE candidate.search @@ weighed.query) AS score,
           CASE WHEN NOT candidate.is_named THEN 0 WHEN candidate.search @@ asked.whole_name THEN 3
                WHEN candidate.search @@ asked.names THEN 2 ELSE 1 END AS called,
           (SELECT count(*) FROM unnest(asked.openings) AS word WHERE candidate.search @@ word) AS begins,
           candidate.search @@ asked.phrase AS together
      FROM candidate
)
SELECT ranked.id,
       candidates_max > greatest((SELECT count(*) FROM named), (SELECT count(*) FROM complete))
       AND (EXISTS (SELECT FROM complete) OR (SELECT bool_and(weighed.all_ranked) FROM weighed)) IS NOT false
  FROM ranked
 GROUP BY ranked.id
 ORDER BY bool_or(answers) DESC, bool_or(has_all) DESC, max(score) DESC NULLS LAST, max(greatest(called, 1)) DESC,
          max(begins) DESC, max(called) DESC, bool_or(is_record) DESC, bool_or(together) DESC,
          max(ranked.day) DESC NULLS LAST, ranked.id DESC
 LIMIT hits_max
$$;

-- Companies by id, name or domain; where none is called so, those with all the words in their name.
CREATE FUNCTION find_companies(asked text, named tsquery, connectors text[], companies_max integer)
RETURNS TABLE (connector_id text, hubspot_id text, name text, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
WITH company AS (
    SELECT record.connector_id, record.hubspot_id, record.name, record.domain
      FROM hubspot_crm_objects AS record
     WHERE record.connector_id = ANY (ARRAY(SELECT own.id FROM coppermind.connectors AS own
                                             WHERE own.mind_id = current_mind()
                                               AND (find_companies.connectors IS NULL
                                                    OR own.id = ANY (find_companies.connectors))))
       AND record.object_type = 'companies' AND record.mind_id = current_mind()
       AND record.archived_at IS NULL AND record.filtered_reason IS NULL
), called AS MATERIALIZED (
    SELECT * FROM company
     WHERE company.hubspot_id = asked OR lower(company.name) = lower(asked) OR lower(company.domain) = lower(asked)
), alike AS (
    SELECT company.*
      FROM memories_with(named, ROW(ARRAY['fact'], ARRAY['open'], connectors, NULL, false, NULL, NULL, NULL),
                         companies_max) AS found
      JOIN memories AS memory ON memory.id = found.id AND memory.object_type = 'companies'
      JOIN company ON company.connector_id = memory.connector_id AND company.hubspot_id = memory.hubspot_id
     WHERE NOT EXISTS (SELECT FROM called)
)
SELECT * FROM (SELECT * FROM called UNION ALL SELECT * FROM alike) AS either
 ORDER BY either.name, either.connector_id, either.hubspot_id LIMIT companies_max
$$;

-- What a company has to do with: itself, its deals and their contacts, and the contacts whose own company it is, by the
-- association or, where they have none, by the name that they write.
CREATE FUNCTION records_of_company(asked_connector text, asked_id text, records_max integer)
RETURNS TABLE (source_ref text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
WITH company AS MATERIALIZED (
    SELECT record.connector_id, record.hubspot_id, record.name
      FROM hubspot_crm_objects AS record
     WHERE record.connector_id = asked_connector AND record.object_type = 'companies' AND record.hubspot_id = asked_id
       AND record.mind_id = current_mind()
), deal AS MATERIALIZED (
    SELECT association.connector_id, association.from_id AS hubspot_id
      FROM company
      JOIN hubspot_associations AS association
        ON association.connector_id = company.connector_id AND association.to_type = 'companies'
       AND association.to_id = company.hubspot_id AND association.from_type = 'deals' AND association.valid_to IS NULL
), record (connector_id, object_type, hubspot_id) AS (
    SELECT connector_id, 'companies', hubspot_id FROM company
    UNION
    SELECT connector_id, 'deals', hubspot_id FROM deal
    UNION
    SELECT association.connector_id, 'contacts', association.to_id
      FROM deal
      JOIN hubspot_associations AS association
        ON association.connector_id = deal.connector_id AND association.from_type = 'deals'
       AND association.from_id = deal.hubspot_id AND association.to_type = 'contacts' AND association.valid_to IS NULL
    UNION
    SELECT contact.connector_id, 'contacts', contact.hubspot_id
      FROM company
      JOIN hubspot_crm_objects AS contact
        ON contact.connector_id = company.connector_id AND contact.object_type = 'contacts'
       AND contact.properties ->> 'associatedcompanyid' = company.hubspot_id
    UNION
    SELECT contact.connector_id, 'contacts', contact.hubspot_id
      FROM company
      JOIN hubspot_crm_objects AS contact
        ON contact.connector_id = company.connector_id AND contact.object_type = 'contacts'
       AND lower(left(contact.company_name, 200)) = lower(left(company.name, 200))
       AND contact.properties ->> 'associatedcompanyid' IS NULL
)
SELECT 'hubspot:' || record.connector_id || ':' || record.object_type || ':' || record.hubspot_id
  FROM record LIMIT records_max
$$;

CREATE INDEX hubspot_crm_objects_own_company
    ON hubspot_crm_objects (connector_id, (properties ->> 'associatedcompanyid')) WHERE object_type = 'contacts';
CREATE INDEX hubspot_crm_objects_company_name
    ON hubspot_crm_objects (connector_id, lower(left(company_name, 200)))
 WHERE object_type = 'contacts' AND properties ->> 'associatedcompanyid' IS NULL;

COMMENT ON FUNCTION memories_with IS 'memories: those of the transaction''s mind that have these words, of a selection';
COMMENT ON FUNCTION search_memories IS 'memories: those of the transaction''s mind that answer a question, best first';
COMMENT ON FUNCTION find_companies IS 'memories: the transaction''s mind''s companies of an id, name or domain';
COMMENT ON FUNCTION records_of_company IS 'memories: the source refs of what a company has to do with, in the transaction''s mind';
REVOKE EXECUTE ON FUNCTION memories_with, search_memories, find_companies, records_of_company FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memories_with, search_memories, find_companies, records_of_company TO coppermind_app;
