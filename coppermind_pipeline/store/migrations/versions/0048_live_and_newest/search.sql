-- Search over memories (memories/reading/search.py, memories/erasure.py).
-- Beside a policy PostgreSQL can't use the text index, so these run as the owner, and take the mind from the transaction
-- alone. `search` holds the mind as a word of its own, so that the index meets no other mind's rows.

CREATE OR REPLACE FUNCTION mind_lexeme() RETURNS tsvector
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
BEGIN
    IF current_mind() IS NULL THEN
        RAISE EXCEPTION 'search without a mind' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN array_to_tsvector(ARRAY['mind:' || current_mind()]);
END $$;

CREATE OR REPLACE FUNCTION search_memories(
    words tsquery, types text[], sensitivities text[], connectors text[], period text, include_superseded boolean,
    candidates_max integer, hits_max integer
) RETURNS TABLE (id bigint, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    of_mind tsquery := quote_literal((tsvector_to_array(mind_lexeme()))[1])::tsquery;
BEGIN
    RETURN QUERY
    SELECT found.id, ts_rank(found.search, words, 1) AS rank
      FROM (SELECT memory.id, memory.search FROM memory_versions AS memory
             WHERE memory.search @@ (of_mind && words) AND memory.mind_id = current_mind() AND memory.retired_at IS NULL
               AND (types IS NULL OR memory.type = ANY (types))
               AND memory.sensitivity = ANY (sensitivities)
               AND (connectors IS NULL OR memory.connector_id = ANY (connectors))
               AND CASE WHEN period IS NULL THEN include_superseded OR memory.is_live
                        ELSE memory.aggregate_period_key = period AND (include_superseded OR memory.is_newest) END
             LIMIT candidates_max) AS found
     ORDER BY 2 DESC, 1 DESC
     LIMIT hits_max;
END $$;

-- Takes words out of the mind's list that no memory of it has any more: after an erasure.
CREATE OR REPLACE FUNCTION forget_lexemes(candidates text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = coppermind, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    of_mind tsquery := quote_literal((tsvector_to_array(mind_lexeme()))[1])::tsquery;
    forgotten integer;
BEGIN
    DELETE FROM memory_lexemes AS word
     WHERE word.mind_id = current_mind() AND word.lexeme = ANY (candidates)
       AND NOT EXISTS (
           SELECT FROM memories AS memory
            WHERE memory.mind_id = current_mind() AND memory.search @@ (of_mind && quote_literal(word.lexeme)::tsquery));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

COMMENT ON FUNCTION mind_lexeme IS 'memories: the word that the transaction''s mind is in `memories.search`';
COMMENT ON FUNCTION search_memories IS 'memories: those of the transaction''s mind that have these words, best first';
COMMENT ON FUNCTION forget_lexemes IS 'memories: takes words out of the mind''s list that no memory has any more';
REVOKE EXECUTE ON FUNCTION mind_lexeme, search_memories, forget_lexemes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mind_lexeme, search_memories, forget_lexemes TO coppermind_app;
