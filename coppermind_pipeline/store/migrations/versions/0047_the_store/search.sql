-- Search over memories (memories/search.py, memories/erasure.py).
-- Beside a policy PostgreSQL can't use the text index, so these run as the owner, and take the mind from the transaction
-- alone. `search` holds the mind as a word of its own, so that the index meets no other mind's rows.

CREATE FUNCTION mind_lexeme() RETURNS tsvector LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
BEGIN
    IF current_mind() IS NULL THEN
        RAISE EXCEPTION 'search without a mind' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN array_to_tsvector(ARRAY['mind:' || current_mind()]);
END $$;

CREATE FUNCTION search_memories(
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
      FROM (SELECT m.id, m.search FROM memories m
             WHERE m.search @@ (of_mind && words) AND m.mind_id = current_mind() AND m.retired_at IS NULL
               AND (types IS NULL OR m.type = ANY (types))
               AND m.sensitivity = ANY (sensitivities)
               AND (connectors IS NULL OR m.connector_id = ANY (connectors))
               AND CASE WHEN period IS NULL THEN include_superseded OR m.superseded_at IS NULL
                        ELSE m.aggregate_period_key = period AND (include_superseded OR NOT EXISTS (
                             SELECT FROM memories newer
                              WHERE newer.connector_id = m.connector_id AND newer.source_ref = m.source_ref
                                AND newer.id > m.id)) END
             LIMIT candidates_max) found
     ORDER BY 2 DESC, 1 DESC
     LIMIT hits_max;
END $$;

-- Takes words out of the mind's list that no memory of it has any more: after an erasure.
CREATE FUNCTION forget_lexemes(candidates text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = coppermind, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    of_mind tsquery := quote_literal((tsvector_to_array(mind_lexeme()))[1])::tsquery;
    forgotten integer;
BEGIN
    DELETE FROM memory_lexemes l
     WHERE l.mind_id = current_mind() AND l.lexeme = ANY (candidates)
       AND NOT EXISTS (SELECT FROM memories m
                        WHERE m.mind_id = current_mind() AND m.search @@ (of_mind && quote_literal(l.lexeme)::tsquery));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

REVOKE EXECUTE ON FUNCTION mind_lexeme, search_memories, forget_lexemes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mind_lexeme, search_memories, forget_lexemes TO coppermind_app;
