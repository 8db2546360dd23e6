-- Customers, their minds, and the access tokens that assistants come with.
-- Each comment on a table says which room alone writes it, and what it is for.

-- Who the transaction works for, as the application says (store/database.py).
CREATE FUNCTION current_mind() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('coppermind.mind_id', true), '')::uuid;
CREATE FUNCTION current_customer() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('coppermind.customer_id', true), '')::uuid;


-- Whose the login is, as nobody but a superuser can change within a session: no setting, no SET ROLE.
CREATE FUNCTION mind_of_login() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substring(session_user FROM '^coppermind_mind_([0-9a-f]{32})$')::uuid;

CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    active_mind_id uuid,  -- the mind that this customer's local user has switched to
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE customers IS 'accounts: who owns minds';
INSERT INTO customers (name) VALUES ('local');

CREATE TABLE minds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id uuid NOT NULL REFERENCES customers,
    name text NOT NULL CHECK (name <> ''),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    kind text NOT NULL CHECK (kind IN ('client', 'prospect', 'internal')),
    company_info jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, slug),
    UNIQUE (id, customer_id)  -- what pairs a mind with its customer, so that no row can name another
);
COMMENT ON TABLE minds IS 'accounts: a company that somebody works for, with memories of its own';
CREATE UNIQUE INDEX minds_name ON minds (customer_id, lower(name));
ALTER TABLE customers ADD FOREIGN KEY (active_mind_id, id) REFERENCES minds (id, customer_id)
    ON DELETE SET NULL (active_mind_id);

CREATE TABLE access_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id uuid NOT NULL REFERENCES customers,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,  -- SHA-256; the token itself is shown once and never stored
    active_mind_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    prefix text NOT NULL UNIQUE CHECK (prefix <> ''),  -- the token's first characters, by which people name it
    FOREIGN KEY (active_mind_id, customer_id) REFERENCES minds (id, customer_id) ON DELETE SET NULL (active_mind_id)
);
COMMENT ON TABLE access_tokens IS 'accounts: what assistants come with over HTTP';

-- Whose token it is, where it is one and not revoked; the use is noted to the minute, so that a busy assistant does not
-- write a row with every call. It starts without a customer, because the token is itself the proof.
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

COMMENT ON FUNCTION current_mind IS 'store: the mind that the transaction is for; the policies of all tables ask it';
COMMENT ON FUNCTION current_customer IS 'store: the customer that the transaction is for';
COMMENT ON FUNCTION mind_of_login IS 'store: the one mind that a login reads';
COMMENT ON FUNCTION use_access_token IS 'accounts: notes that a token is used, before anybody is known to ask';
