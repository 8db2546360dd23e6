-- The first characters of a token, by which people name it. Nothing has written this table before.
ALTER TABLE access_tokens ADD COLUMN prefix text NOT NULL UNIQUE CHECK (prefix <> '');

-- Whose token it is, where it is one and not revoked; the use is noted to the minute, so that a busy assistant does not write
-- a row with every call. It starts without a customer, because the token is itself the proof.
DROP FUNCTION find_access_token;
CREATE FUNCTION use_access_token(hash bytea) RETURNS TABLE (token_id uuid, customer_id uuid)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
WITH noted AS (
    UPDATE access_tokens SET last_used_at = clock_timestamp()
     WHERE token_hash = hash AND revoked_at IS NULL
       AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute'))
SELECT t.id, t.customer_id FROM access_tokens t WHERE t.token_hash = hash AND t.revoked_at IS NULL
$$;
REVOKE EXECUTE ON FUNCTION use_access_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION use_access_token TO coppermind_app;
