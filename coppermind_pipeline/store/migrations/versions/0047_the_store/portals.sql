-- What a portal says of itself: labels, pipelines, stages and owners, which records are interpreted by.

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
    profile jsonb,  -- how far the portal's records can be trusted, as a look at all of them found
    profiled_at timestamptz,
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_portals IS 'catalog: account, time zone and currencies';

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
COMMENT ON TABLE hubspot_owners IS 'catalog: who owns records';

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
COMMENT ON TABLE hubspot_pipelines IS 'catalog: pipelines of deals';

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
COMMENT ON TABLE hubspot_stages IS 'catalog: stages of pipelines';

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
COMMENT ON TABLE hubspot_properties IS 'catalog: definitions of properties';

CREATE TABLE hubspot_reference_reads (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('contacts', 'companies', 'deals', 'pipelines', 'owners')),  -- a type: its definitions
    digest text NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, kind),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_reference_reads IS 'catalog: digest of each kind''s last answer, so that an unchanged one writes nothing';
