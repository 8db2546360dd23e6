-- A connector's life: what it is, its credentials, how it is authorized, and what people are told of it.

CREATE TABLE connectors (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9-]+$'),  -- also a Dagster partition key
    mind_id uuid NOT NULL REFERENCES minds,
    customer_id uuid NOT NULL REFERENCES customers,
    source_type text NOT NULL DEFAULT 'hubspot' CHECK (source_type = 'hubspot'),
    status text NOT NULL DEFAULT 'pending_setup' CHECK (status IN ('pending_setup', 'active', 'inactive')),
    hub_id bigint,
    config jsonb NOT NULL DEFAULT '{}',
    replaced_by text,
    last_error jsonb,  -- {"code", "message", "hint", "at"}
    setup_error jsonb,  -- the same, while the connector can't be set up
    sync_requested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    connected_at timestamptz,
    disconnected_at timestamptz,
    CHECK (status <> 'active' OR hub_id IS NOT NULL),
    UNIQUE (id, mind_id),  -- what a connector's rows refer to, so that none can carry another mind
    FOREIGN KEY (mind_id, customer_id) REFERENCES minds (id, customer_id),
    FOREIGN KEY (replaced_by, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connectors IS 'connectors: one connection of a mind to a portal';
CREATE UNIQUE INDEX connectors_portal ON connectors (mind_id, hub_id) WHERE hub_id IS NOT NULL;
CREATE INDEX connectors_hub ON connectors (hub_id);

CREATE TABLE connector_credentials (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    key_id text NOT NULL,
    access_token bytea NOT NULL,  -- both encrypted, bound to the connector
    refresh_token bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    scopes text[] NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connector_credentials IS 'connectors: the tokens of a portal, encrypted';

CREATE TABLE oauth_states (
    state_hash bytea PRIMARY KEY,  -- SHA-256
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id),
    FOREIGN KEY (mind_id, customer_id) REFERENCES minds (id, customer_id)
);
COMMENT ON TABLE oauth_states IS 'connectors: authorization links that were handed out';
CREATE INDEX oauth_states_connector ON oauth_states (connector_id);

-- The lookup of an approval starts without a mind, because the state is itself the proof.
CREATE FUNCTION find_oauth_state(hash bytea) RETURNS TABLE (connector_id text, mind_id uuid, customer_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$ SELECT s.connector_id, s.mind_id, s.customer_id FROM oauth_states s WHERE s.state_hash = hash $$;
REVOKE EXECUTE ON FUNCTION find_oauth_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_oauth_state TO coppermind_app;

CREATE TABLE connector_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    code text NOT NULL,
    message text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connector_events IS 'connectors: the log of a connector';
CREATE INDEX connector_events_recent ON connector_events (connector_id, at DESC);

CREATE TABLE connector_problems (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('auth', 'rate_limit', 'scope', 'config')),
    code text NOT NULL,
    message text NOT NULL,
    hint text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    step text,  -- that raised it, whose success takes it back; null where a person's act does
    PRIMARY KEY (connector_id, kind, code),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connector_problems IS 'connectors: errors that stay until what raised them succeeds';

CREATE TABLE connector_alerts (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    trouble text,  -- null: none
    since timestamptz NOT NULL,
    told_trouble text,
    told_state text,  -- as the last message named it
    told_at timestamptz,
    told_before_at timestamptz,  -- the message before that
    attempts integer NOT NULL DEFAULT 0,  -- to tell what is so now
    try_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- who is telling it moves this past his own time
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE connector_alerts IS 'connectors: what the alert webhook was told of a connector last; no row: never in trouble';

-- Shared by every process that talks to one portal. These two hold no mind's data, hence have no policy, and are worth
-- nothing after a crash, hence have no write-ahead log: the limits are remembered by HubSpot too.

CREATE UNLOGGED TABLE rate_limit_states (
    hub_id bigint NOT NULL,
    budget text NOT NULL,
    state double precision NOT NULL DEFAULT 0,
    blocked_until timestamptz,
    limit_calls integer,  -- as the portal's headers state it
    calls bigint NOT NULL DEFAULT 0,  -- which turn of its budget a call took; it goes on counting for good
    PRIMARY KEY (hub_id, budget)
);
COMMENT ON TABLE rate_limit_states IS 'connectors: how much of a limit of the portal is used up';

CREATE UNLOGGED TABLE rate_limit_late_calls (
    hub_id bigint NOT NULL,
    budget text NOT NULL,
    rank bigint NOT NULL,
    window_ends double precision NOT NULL,  -- of the limit's window that it opened, in seconds of the epoch
    PRIMARY KEY (hub_id, budget, rank)
);
COMMENT ON TABLE rate_limit_late_calls IS 'connectors: calls that went out later than their turn';

COMMENT ON FUNCTION find_oauth_state IS 'connectors: whose link has come back, before anybody is known to ask';
