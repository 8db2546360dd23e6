-- Who is signed in, and who may sign in once. The secrets are told once, and stored as digests.

CREATE TABLE sign_in_links (
    token_hash bytea PRIMARY KEY,  -- SHA-256
    customer_id uuid NOT NULL REFERENCES customers,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE sign_in_links IS 'accounts: links that sign one browser in, and have not been used';

CREATE TABLE web_sessions (
    secret_hash bytea PRIMARY KEY,  -- SHA-256
    customer_id uuid NOT NULL REFERENCES customers,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE web_sessions IS 'accounts: browsers that are signed in';

ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE web_sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY customer ON sign_in_links TO coppermind_app USING (customer_id = (SELECT current_customer()));
CREATE POLICY customer ON web_sessions TO coppermind_app USING (customer_id = (SELECT current_customer()));
GRANT SELECT, INSERT, DELETE ON sign_in_links TO coppermind_app;
GRANT SELECT, DELETE ON web_sessions TO coppermind_app;

-- These start without a customer, because the secret is itself the proof.

CREATE FUNCTION sign_in_link_works(link bytea) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$ SELECT EXISTS (SELECT FROM sign_in_links WHERE token_hash = link AND expires_at > clock_timestamp()) $$;

-- Of many that use a link at once, one finds it there.
CREATE FUNCTION begin_web_session(link bytea, session bytea, lifetime interval) RETURNS boolean
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
WITH used AS (
    DELETE FROM sign_in_links WHERE token_hash = link RETURNING customer_id, expires_at
), begun AS (
    INSERT INTO web_sessions (secret_hash, customer_id, expires_at)
    SELECT session, customer_id, clock_timestamp() + lifetime FROM used WHERE expires_at > clock_timestamp()
    RETURNING secret_hash
), outdated AS (
    DELETE FROM web_sessions WHERE expires_at <= clock_timestamp()
)
SELECT EXISTS (SELECT FROM begun)
$$;

CREATE FUNCTION find_web_session(session bytea) RETURNS TABLE (customer_id uuid, customer text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$
SELECT customer.id, customer.name
  FROM web_sessions AS found JOIN customers AS customer ON customer.id = found.customer_id
 WHERE found.secret_hash = session AND found.expires_at > clock_timestamp()
$$;

REVOKE EXECUTE ON FUNCTION sign_in_link_works, begin_web_session, find_web_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_link_works, begin_web_session, find_web_session TO coppermind_app;
COMMENT ON FUNCTION sign_in_link_works IS 'accounts: whether a link would sign somebody in, before anybody is known to ask';
COMMENT ON FUNCTION begin_web_session IS 'accounts: uses a link up and begins its customer''s session';
COMMENT ON FUNCTION find_web_session IS 'accounts: whose session it is, before anybody is known to ask';
