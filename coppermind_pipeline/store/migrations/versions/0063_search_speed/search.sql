-- Search over memories (memories/reading/search.py), as 0062 describes it, in less time.

-- What was written last waits in a list that each look-up reads from end to end: by default up to 4 MB, a search a dozen
-- times. This is about a hundred memories.
ALTER INDEX memories_search SET (gin_pending_list_limit = 128);
SELECT gin_clean_pending_list('memories_search');

-- Planning it took longer than a look-up takes, so that its plan is kept. There is one way only that is right for a store
-- of any size, the text index: no other can serve `IS NOT DISTINCT FROM`, and an empty store's plan is no scan of all.
-- That takes two conditions in half the time of their conjunction. The memories of one company are few, and each is
-- looked up by its source.
CREATE OR REPLACE FUNCTION memories_with(asked tsquery, selected memory_selection, rows_max integer)
RETURNS TABLE (id bigint, search tsvector, day date, is_record boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    of_mind tsquery := quote_literal((tsvector_to_array(mind_lexeme()))[1])::tsquery;
    mind uuid := current_mind();
BEGIN
    IF numnode(asked) = 0 THEN
        RETURN;
    END IF;
    -- The empty vector unpacks a compressed one, once for all that is asked of it.
    RETURN QUERY
    SELECT memory.id,
           CASE WHEN pg_column_compression(memory.search) IS NULL THEN memory.search
                ELSE memory.search || ''::tsvector END,
           memory.day, memory.aggregate_scope IS NULL
      FROM (SELECT indexed.* FROM memory_versions AS indexed
             WHERE selected.refs IS NULL AND indexed.search @@ of_mind AND indexed.search @@ asked
            UNION ALL
            SELECT of_company.*
              FROM unnest(selected.refs) AS ref
             CROSS JOIN LATERAL (SELECT * FROM memory_versions AS version
                                  WHERE version.connector_id = split_part(ref, ':', 2) AND version.source_ref = ref
                                 OFFSET 0) AS of_company
             WHERE of_company.search @@ asked) AS memory
     WHERE memory.mind_id IS NOT DISTINCT FROM mind AND memory.retired_at IS NULL
       AND (selected.types IS NULL OR memory.type = ANY (selected.types))
       AND memory.sensitivity = ANY (selected.sensitivities)
       AND (selected.connectors IS NULL OR memory.connector_id = ANY (selected.connectors))
       AND (selected.first_day IS NULL OR memory.day >= selected.first_day)
       AND (selected.last_day IS NULL OR memory.day <= selected.last_day)
       AND CASE WHEN selected.period IS NULL THEN selected.include_superseded OR memory.is_live
                ELSE memory.aggregate_period_key = selected.period AND (selected.include_superseded OR memory.is_newest)
           END
     LIMIT rows_max;
END $$;

-- The best memories, best first: the aggregate that answers; those with all words; those with more of the words, of which
-- one that few have counts for more; those of records that are called so; those that begin with the words; records before
-- aggregates; words that stand together; the newest day. `all_ranked` says whether all were compared.
--   Where enough have all words, no other can be among the best: names are looked for among those alone, and that only if
-- there are more than the `candidates_max` that are ranked. Where too few have all, those with some words and those that
-- are called by some share that number.
CREATE OR REPLACE FUNCTION search_memories(
    asked memory_question, selected memory_selection, candidates_max integer, hits_max integer
) RETURNS TABLE (id bigint, all_ranked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
WITH answering AS MATERIALIZED (
    SELECT found.*
      FROM unnest(asked.scopes, asked.rests, asked.named) AS topic (scope, rest, named)
     CROSS JOIN LATERAL memories_with(quote_literal('scope:' || topic.scope)::tsquery, selected, hits_max) AS found
     WHERE (numnode(topic.rest) = 0 OR found.search @@ topic.rest)
       AND NOT EXISTS (SELECT FROM memories_with(topic.named, selected, 1))
), complete AS MATERIALIZED (
    SELECT * FROM memories_with(asked.every_word, selected, candidates_max)
), extent AS MATERIALIZED (
    SELECT count(*) < hits_max AS too_few, count(*) >= candidates_max AS too_many,
           asked.whole_name || asked.some_name AS called,
           CASE WHEN count(*) < hits_max THEN greatest(candidates_max / (cardinality(asked.words) + 1), 1)
                ELSE candidates_max END AS ranked_max
      FROM complete
), named AS MATERIALIZED (
    SELECT found.*
      FROM extent
     CROSS JOIN LATERAL memories_with(CASE WHEN extent.too_few THEN extent.called
                                           WHEN extent.too_many THEN asked.every_word && extent.called
                                           ELSE '' END, selected, extent.ranked_max) AS found
), word AS MATERIALIZED (
    SELECT * FROM unnest(asked.words, asked.openings) WITH ORDINALITY AS each (query, opening, place)
), partly AS MATERIALIZED (
    SELECT word.place, found.*
      FROM extent
     CROSS JOIN word
     CROSS JOIN LATERAL memories_with(word.query, selected, extent.ranked_max) AS found
     WHERE extent.too_few
), weighed AS MATERIALIZED (
    SELECT word.query, word.opening, ln(1 + extent.ranked_max::float8 / greatest(count(partly.id), 1)) AS weight,
           count(partly.id) < extent.ranked_max AS all_ranked
      FROM extent CROSS JOIN word LEFT JOIN partly ON partly.place = word.place
     GROUP BY word.place, word.query, word.opening, extent.ranked_max
), candidate AS (
    SELECT *, true AS answers, answering.search @@ asked.every_word AS has_all, false AS may_be_called FROM answering
    UNION ALL
    SELECT *, false, NOT (SELECT too_few FROM extent), true FROM named
    UNION ALL
    SELECT *, false, true, NOT (SELECT too_many FROM extent) FROM complete  -- else they are among the named
    UNION ALL
    SELECT id, search, day, is_record, false, false, true FROM partly
), ranked AS (
    SELECT candidate.id, candidate.day, candidate.is_record, candidate.answers, candidate.has_all, matching.score,
           matching.begins,
           CASE WHEN NOT candidate.may_be_called OR NOT candidate.search @@ extent.called THEN 0
                WHEN candidate.search @@ asked.whole_name THEN 3 WHEN candidate.search @@ asked.names THEN 2 ELSE 1
           END AS called,
           candidate.has_all AND candidate.search @@ asked.phrase AS together
      FROM candidate
     CROSS JOIN extent
     CROSS JOIN LATERAL (SELECT sum(weighed.weight) AS score,
                                count(*) FILTER (WHERE candidate.search @@ weighed.opening) AS begins
                           FROM weighed WHERE candidate.search @@ weighed.query) AS matching
)
SELECT ranked.id,
       (SELECT NOT too_many AND ranked_max > (SELECT count(*) FROM named) FROM extent)
       AND (EXISTS (SELECT FROM complete) OR (SELECT bool_and(weighed.all_ranked) FROM weighed)) IS NOT false
  FROM ranked
 GROUP BY ranked.id
 ORDER BY bool_or(answers) DESC, bool_or(has_all) DESC, max(score) DESC NULLS LAST, greatest(max(called), 1) DESC,
          max(begins) DESC, max(called) DESC, bool_or(is_record) DESC, bool_or(together) DESC,
          max(ranked.day) DESC NULLS LAST, ranked.id DESC
 LIMIT hits_max
$$;

-- As 0062 has it, each way to be called by an index: a portal has as many companies as it likes.
CREATE OR REPLACE FUNCTION find_companies(asked text, named tsquery, connectors text[], companies_max integer)
RETURNS TABLE (connector_id text, hubspot_id text, name text, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
WITH company AS NOT MATERIALIZED (
    SELECT record.connector_id, record.hubspot_id, record.name, record.domain
      FROM hubspot_crm_objects AS record
     WHERE record.connector_id = ANY (ARRAY(SELECT own.id FROM coppermind.connectors AS own
                                             WHERE own.mind_id = current_mind()
                                               AND (find_companies.connectors IS NULL
                                                    OR own.id = ANY (find_companies.connectors))))
       AND record.object_type = 'companies' AND record.mind_id = current_mind()
       AND record.archived_at IS NULL AND record.filtered_reason IS NULL
), called AS MATERIALIZED (
    SELECT * FROM company WHERE company.hubspot_id = asked
    UNION
    SELECT * FROM company
     WHERE lower(left(company.name, 200)) = lower(left(asked, 200)) AND lower(company.name) = lower(asked)
    UNION
    SELECT * FROM company
     WHERE lower(left(company.domain, 200)) = lower(left(asked, 200)) AND lower(company.domain) = lower(asked)
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

CREATE INDEX hubspot_crm_objects_called ON hubspot_crm_objects (connector_id, lower(left(name, 200)))
 WHERE object_type = 'companies';
CREATE INDEX hubspot_crm_objects_domain ON hubspot_crm_objects (connector_id, lower(left(domain, 200)))
 WHERE object_type = 'companies';
