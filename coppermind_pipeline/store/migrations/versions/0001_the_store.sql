-- The store as it was first laid: accounts, connectors, the raw log, the normalized CRM, memories.
-- Each table that holds a mind's data carries `mind_id`; at the end of this file every such table gets row-level security.

CREATE FUNCTION current_mind() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('coppermind.mind_id', true), '')::uuid;
CREATE FUNCTION current_customer() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('coppermind.customer_id', true), '')::uuid;

-- Accounts -----------------------------------------------------------------------------------------------------------

CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    active_mind_id uuid,  -- the mind that this customer's local user has switched to
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customers (name) VALUES ('local');

CREATE TABLE minds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id uuid NOT NULL REFERENCES customers,
    name text NOT NULL CHECK (name <> ''),
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    kind text NOT NULL CHECK (kind IN ('client', 'prospect', 'internal')),
    company_info jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (customer_id, slug)
);
CREATE UNIQUE INDEX minds_name ON minds (customer_id, lower(name));
ALTER TABLE customers ADD FOREIGN KEY (active_mind_id) REFERENCES minds ON DELETE SET NULL;

CREATE TABLE access_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id uuid NOT NULL REFERENCES customers,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,  -- SHA-256; the token itself is shown once and never stored
    active_mind_id uuid REFERENCES minds ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

-- Connectors ---------------------------------------------------------------------------------------------------------

CREATE TABLE connectors (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9-]+$'),  -- also a Dagster partition key
    mind_id uuid NOT NULL REFERENCES minds,
    customer_id uuid NOT NULL REFERENCES customers,
    source_type text NOT NULL DEFAULT 'hubspot' CHECK (source_type = 'hubspot'),
    status text NOT NULL DEFAULT 'pending_setup' CHECK (status IN ('pending_setup', 'active', 'inactive')),
    hub_id bigint,
    config jsonb NOT NULL DEFAULT '{}',
    replaced_by text REFERENCES connectors,
    last_error jsonb,  -- {"code", "message", "hint", "at"}
    setup_error jsonb,  -- the same, while the connector can't be set up
    sync_requested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    connected_at timestamptz,
    disconnected_at timestamptz,
    CHECK (status <> 'active' OR hub_id IS NOT NULL),
    UNIQUE (id, mind_id)  -- what a connector's rows refer to, so that none can carry another mind
);
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

CREATE TABLE oauth_states (
    state_hash bytea PRIMARY KEY,  -- SHA-256
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    customer_id uuid NOT NULL REFERENCES customers,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
CREATE INDEX oauth_states_connector ON oauth_states (connector_id);

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
CREATE INDEX connector_events_recent ON connector_events (connector_id, at DESC);

-- Errors that stay until the same call succeeds.
CREATE TABLE connector_problems (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('auth', 'rate_limit', 'scope', 'config')),
    code text NOT NULL,
    message text NOT NULL,
    hint text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (connector_id, kind, code),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- How far the sync has come -----------------------------------------------------------------------------------------

CREATE TABLE hubspot_polls (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    last_started_at timestamptz,
    last_succeeded_at timestamptz,  -- last_successful_hubspot_pull
    last_failed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,  -- in a row
    retry_at timestamptz,  -- a back-off that the portal asked for
    last_counts jsonb NOT NULL DEFAULT '{}',  -- records of the last poll by type
    pulled_counts jsonb NOT NULL DEFAULT '{}',  -- records since connection by type
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

CREATE TABLE hubspot_backfills (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    since timestamptz NOT NULL,  -- start of the window
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    first_completed_at timestamptz,  -- survives a resync, which un-publishes nothing
    totals jsonb NOT NULL DEFAULT '{}',  -- what the portal says it holds in the window, by type
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- One row per object type and scan. Rows and the cursor that vouches for them commit together.
CREATE TABLE hubspot_cursors (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    scan text NOT NULL CHECK (scan IN ('backfill', 'incremental')),
    watermark timestamptz,  -- start of the last complete scan less the overlap; null before the first
    since timestamptz,  -- lower bound of the scan under way
    started_at timestamptz,  -- of the scan under way
    last_id bigint NOT NULL DEFAULT 0,  -- highest hs_object_id of the scan under way that is stored
    list_after text,  -- where the portal's search can't be trusted, the scan goes by the list, whose cursor this is
    by_list boolean NOT NULL DEFAULT false,
    pages integer NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0,
    completed_at timestamptz,
    PRIMARY KEY (connector_id, object_type, scan),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- What a portal accepts of the full list of property names; no row where it accepts all of it.
CREATE TABLE hubspot_hydrations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    refused text[] NOT NULL DEFAULT '{}',  -- names left out since; empty: the required properties alone are read
    error text NOT NULL,  -- as HubSpot put it
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- the full list, for the last time
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- Digest of the last answer of each kind that is stored, so that an unchanged one writes nothing.
CREATE TABLE hubspot_reference_reads (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('contacts', 'companies', 'deals', 'pipelines', 'owners')),  -- a type: its definitions
    digest text NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, kind),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- Up to which change each later stage has worked (`raw_seq` and `change_seq` below), and with which rules.
CREATE TABLE pipeline_stages (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN ('associate', 'reference', 'normalize', 'link', 'attribute', 'map')),
    seq bigint NOT NULL DEFAULT 0,
    rules text NOT NULL DEFAULT '',  -- digest of everything but the rows that the stage's output depends on
    at timestamptz,
    PRIMARY KEY (connector_id, stage),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- Shared by every process that talks to one portal. Holds no mind's data, hence no policy.
CREATE TABLE rate_limit_states (
    hub_id bigint NOT NULL,
    budget text NOT NULL,
    state double precision NOT NULL DEFAULT 0,
    blocked_until timestamptz,
    limit_calls integer,  -- as the portal's headers state it
    PRIMARY KEY (hub_id, budget)
);

-- The four bulk tables below have no foreign key to connectors: connectors are never deleted, and the check of each row would
-- cost a tenth of the ingest.

-- What HubSpot said -------------------------------------------------------------------------------------------------

CREATE SEQUENCE change_seq AS bigint CACHE 1;

-- Each distinct version of a record, once. `json` keeps U+0000, which jsonb can't. `seq` is new whenever the row is.
CREATE TABLE hubspot_raw_records (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    hubspot_id text NOT NULL,
    version bigint NOT NULL DEFAULT nextval('change_seq'),
    seq bigint NOT NULL DEFAULT nextval('change_seq'),
    content_hash bytea NOT NULL,
    modified_at timestamptz,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    definitions_hash text NOT NULL DEFAULT '',  -- the set of property names it was read with
    archived_at timestamptz,
    payload json NOT NULL,  -- HubSpot's property values as received, nulls left out
    PRIMARY KEY (connector_id, object_type, hubspot_id, version)
);
CREATE INDEX hubspot_raw_records_seq ON hubspot_raw_records (connector_id, seq);

-- The last complete answer for each deal and type of linked record.
CREATE TABLE hubspot_raw_associations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    from_type text NOT NULL,
    from_id text NOT NULL,
    to_type text NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('change_seq'),
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    links jsonb NOT NULL,  -- [{"id", "types": [{"category", "type_id", "label"}]}], ordered by id
    PRIMARY KEY (connector_id, from_type, from_id, to_type)
);
CREATE INDEX hubspot_raw_associations_seq ON hubspot_raw_associations (connector_id, seq);

CREATE TABLE hubspot_portals (
    connector_id text PRIMARY KEY,
    mind_id uuid NOT NULL,
    hub_id bigint NOT NULL,
    account_type text,
    time_zone text,
    company_currency text,
    additional_currencies text[] NOT NULL DEFAULT '{}',
    ui_domain text,
    data_hosting_location text,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

CREATE TABLE hubspot_owners (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    hubspot_id text NOT NULL,
    label text NOT NULL,  -- as texts name the owner
    email text,
    first_name text,
    last_name text,
    user_id text,
    archived boolean NOT NULL DEFAULT false,
    missing_since timestamptz,  -- no longer in HubSpot; kept so that old records keep their labels
    PRIMARY KEY (connector_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

CREATE TABLE hubspot_pipelines (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    hubspot_id text NOT NULL,
    label text NOT NULL,
    display_order integer NOT NULL DEFAULT 0,
    missing_since timestamptz,
    PRIMARY KEY (connector_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

CREATE TABLE hubspot_stages (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    pipeline_id text NOT NULL,
    hubspot_id text NOT NULL,
    label text NOT NULL,
    display_order integer NOT NULL DEFAULT 0,
    is_closed boolean NOT NULL DEFAULT false,
    probability numeric(5, 4),
    missing_since timestamptz,
    PRIMARY KEY (connector_id, pipeline_id, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

CREATE TABLE hubspot_properties (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    name text NOT NULL,
    label text NOT NULL,
    type text NOT NULL,
    field_type text NOT NULL,
    options jsonb NOT NULL DEFAULT '[]',  -- [{"value", "label"}] in display order
    calculated boolean NOT NULL DEFAULT false,
    missing_since timestamptz,
    PRIMARY KEY (connector_id, object_type, name),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- What it means -----------------------------------------------------------------------------------------------------

CREATE TABLE hubspot_crm_objects (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    hubspot_id text NOT NULL,
    properties jsonb NOT NULL,  -- HubSpot's values as received, nulls left out
    created_at timestamptz,
    modified_at timestamptz,
    archived_at timestamptz,
    archived_reason text CHECK (archived_reason IN ('archived', 'merged', 'purged', 'erased')),
    merged_into text,
    referenced_only boolean NOT NULL DEFAULT false,  -- outside the window, read because a deal is linked to it
    filtered_reason text,
    read_at timestamptz NOT NULL,
    change_seq bigint NOT NULL DEFAULT nextval('change_seq'),  -- new whenever the row, or what it is linked to, changed

    name text,
    owner_id text,
    source text,  -- the record's own, HubSpot's internal value
    source_detail_1 text,
    source_detail_2 text,
    lifecycle_stage text,
    lead_status text,
    country_code text,  -- ISO 3166-1 alpha-2
    country_text text,  -- as HubSpot has it
    region text,
    city text,
    -- contacts
    email text,
    email_domain text,
    job_title text,
    company_name text,
    -- companies
    domain text,
    industry text,
    -- deals
    amount numeric,
    currency text,  -- ISO 4217; the portal's company currency where the deal names none
    amount_home numeric,
    pipeline_id text,
    stage_id text,
    outcome text CHECK (outcome IN ('won', 'lost', 'open')),
    outcome_disagrees boolean,
    late_stage boolean,
    probability numeric(5, 4),
    stage_probability numeric(5, 4),
    close_at timestamptz,
    closed_won_at timestamptz,
    entered_closed_won_at timestamptz,
    entered_stage_at timestamptz,
    loss_reason text,
    won_reason text,
    deal_type text,
    -- deals, from the records that they are linked to
    primary_company_id text,
    lead_contact_id text,
    attributed_source text,  -- null: unknown
    attribution_step text CHECK (attribution_step IN ('deal', 'contact', 'company')),
    place_country_code text,
    place_country_text text,
    place_region text,
    place_city text,

    malformed text[] NOT NULL DEFAULT '{}',  -- properties whose value could not be read and count as null
    PRIMARY KEY (connector_id, object_type, hubspot_id)
);
CREATE INDEX hubspot_crm_objects_changes ON hubspot_crm_objects (connector_id, change_seq);
CREATE INDEX hubspot_crm_objects_modified ON hubspot_crm_objects (connector_id, object_type, modified_at);
CREATE INDEX hubspot_crm_objects_closed ON hubspot_crm_objects (connector_id, close_at) WHERE object_type = 'deals';

CREATE TABLE hubspot_associations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    from_type text NOT NULL,
    from_id text NOT NULL,
    to_type text NOT NULL,
    to_id text NOT NULL,
    labels text[] NOT NULL DEFAULT '{}',
    type_ids integer[] NOT NULL DEFAULT '{}',
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    PRIMARY KEY (connector_id, from_type, from_id, to_type, to_id, valid_from)
);
CREATE UNIQUE INDEX hubspot_associations_live ON hubspot_associations (connector_id, from_type, from_id, to_type, to_id)
    WHERE valid_to IS NULL;
CREATE INDEX hubspot_associations_reverse ON hubspot_associations (connector_id, to_type, to_id) WHERE valid_to IS NULL;

-- Memories ----------------------------------------------------------------------------------------------------------

CREATE TABLE memories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mind_id uuid NOT NULL,
    connector_id text NOT NULL,
    type text NOT NULL,
    sensitivity text NOT NULL CHECK (sensitivity IN ('open', 'sensitive')),
    content text NOT NULL,
    source_ref text NOT NULL,
    object_type text,
    hubspot_id text,
    aggregate_connector_id text,
    aggregate_period_key text,
    aggregate_scope text,
    as_of timestamptz,  -- when HubSpot was read for what it says
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz,
    retired_at timestamptz,
    retired_reason text,
    search tsvector NOT NULL,
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
CREATE UNIQUE INDEX memories_live ON memories (source_ref) WHERE superseded_at IS NULL AND retired_at IS NULL;
CREATE UNIQUE INDEX memories_live_aggregate ON memories (aggregate_connector_id, aggregate_scope)
    WHERE superseded_at IS NULL AND retired_at IS NULL AND aggregate_scope IS NOT NULL;
CREATE INDEX memories_mind ON memories (mind_id, type, created_at DESC);
CREATE INDEX memories_search ON memories USING gin (search);
CREATE INDEX memories_connector ON memories (connector_id, source_ref);

-- One pending entry per source ref; a newer one replaces it.
CREATE TABLE memory_queue (
    source_ref text PRIMARY KEY,
    mind_id uuid NOT NULL,
    connector_id text NOT NULL,
    version bigint NOT NULL DEFAULT nextval('change_seq'),
    operation text NOT NULL CHECK (operation IN ('publish', 'retire')),
    type text,
    sensitivity text,
    content text,
    object_type text,
    hubspot_id text,
    aggregate_period_key text,
    aggregate_scope text,
    as_of timestamptz,
    retired_reason text,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- a claim moves it past its lease
    claimed_at timestamptz,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text,
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
CREATE INDEX memory_queue_connector ON memory_queue (connector_id, available_at);

-- One row per connector and period that synthesis has worked on.
CREATE TABLE syntheses (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    period_key text NOT NULL,
    cadence text NOT NULL CHECK (cadence IN ('weekly', 'monthly')),
    published_at timestamptz,
    figures jsonb NOT NULL DEFAULT '{}',  -- by scope; what the next one compares itself with
    skipped jsonb NOT NULL DEFAULT '{}',  -- {scope: reason}
    error text,
    PRIMARY KEY (connector_id, period_key),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);

-- Who may see what --------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA coppermind TO coppermind_app, coppermind_scheduler, coppermind_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA coppermind TO coppermind_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA coppermind TO coppermind_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM coppermind_app;

-- The application: one mind (or, for the account tables, one customer) per transaction, and no row without one.
-- The sub-select makes the setting a constant of the query instead of a call per row.
DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT c.table_name FROM information_schema.columns c
              WHERE c.table_schema = 'coppermind' AND c.column_name = 'mind_id' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY mind ON %I TO coppermind_app USING (mind_id = (SELECT current_mind()))
                        WITH CHECK (mind_id = (SELECT current_mind()))', t);
    END LOOP;
END $$;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE minds ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY customer ON customers TO coppermind_app USING (id = (SELECT current_customer()));
CREATE POLICY customer ON minds TO coppermind_app
    USING (customer_id = (SELECT current_customer()) OR id = (SELECT current_mind()))
    WITH CHECK (customer_id = (SELECT current_customer()));
CREATE POLICY customer ON access_tokens TO coppermind_app USING (customer_id = (SELECT current_customer()));

-- The scheduler: connectors and cursors of all minds, nothing else.
GRANT SELECT ON connectors, hubspot_polls, hubspot_backfills, hubspot_cursors TO coppermind_scheduler;
CREATE POLICY scheduler ON connectors FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_polls FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_backfills FOR SELECT TO coppermind_scheduler USING (true);
CREATE POLICY scheduler ON hubspot_cursors FOR SELECT TO coppermind_scheduler USING (true);

-- The reader: everything but secrets, across minds, for operators and BI.
DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'coppermind'
              AND tablename NOT IN ('connector_credentials', 'oauth_states', 'access_tokens', 'alembic_version') LOOP
        EXECUTE format('GRANT SELECT ON %I TO coppermind_reader', t);
        IF (SELECT relrowsecurity FROM pg_class WHERE oid = format('coppermind.%I', t)::regclass) THEN
            EXECUTE format('CREATE POLICY reader ON %I FOR SELECT TO coppermind_reader USING (true)', t);
        END IF;
    END LOOP;
END $$;

-- Two lookups that start without a mind, because what they are given is itself the proof.
CREATE FUNCTION find_oauth_state(hash bytea) RETURNS TABLE (connector_id text, mind_id uuid, customer_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$ SELECT s.connector_id, s.mind_id, s.customer_id FROM oauth_states s WHERE s.state_hash = hash $$;
CREATE FUNCTION find_access_token(hash bytea) RETURNS TABLE (token_id uuid, customer_id uuid, active_mind_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = coppermind, pg_temp
    AS $$ SELECT t.id, t.customer_id, t.active_mind_id FROM access_tokens t WHERE t.token_hash = hash AND t.revoked_at IS NULL $$;
REVOKE EXECUTE ON FUNCTION find_oauth_state, find_access_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_oauth_state, find_access_token TO coppermind_app;

-- A first sync fills the tables faster than autovacuum looks at them, and without statistics a policy's filter makes every
-- index look equally good: a join of a few thousand rows then takes minutes. To be called with each batch of writes; costs a
-- millisecond where no table has doubled since it was last analyzed.
CREATE FUNCTION analyze_grown_tables() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = coppermind, pg_temp
AS $$
DECLARE
    grown regclass;
BEGIN
    FOR grown IN SELECT c.oid FROM pg_class c
                  WHERE c.relnamespace = 'coppermind'::regnamespace AND c.relkind = 'r'
                    AND pg_relation_size(c.oid) > 2 * greatest(c.relpages, 8) * current_setting('block_size')::bigint LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION analyze_grown_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_grown_tables TO coppermind_app;

-- Large values decide no plan, and would make up nearly all of an analysis.
ALTER TABLE hubspot_raw_records ALTER COLUMN payload SET STATISTICS 0, ALTER COLUMN content_hash SET STATISTICS 0;
ALTER TABLE hubspot_raw_associations ALTER COLUMN links SET STATISTICS 0;
ALTER TABLE hubspot_crm_objects ALTER COLUMN properties SET STATISTICS 0;
ALTER TABLE memories ALTER COLUMN content SET STATISTICS 0, ALTER COLUMN search SET STATISTICS 0;
ALTER TABLE memory_queue ALTER COLUMN content SET STATISTICS 0;
