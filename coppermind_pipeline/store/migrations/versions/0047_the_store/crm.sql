-- What HubSpot's answers mean: the normalized CRM.

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
    PRIMARY KEY (connector_id, object_type, hubspot_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_crm_objects IS 'sync: contacts, companies and deals as interpreted';
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
    PRIMARY KEY (connector_id, from_type, from_id, to_type, to_id, valid_from),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_associations IS 'sync: which record is associated with which, and from when to when';
CREATE UNIQUE INDEX hubspot_associations_live ON hubspot_associations (connector_id, from_type, from_id, to_type, to_id)
    WHERE valid_to IS NULL;
CREATE INDEX hubspot_associations_reverse ON hubspot_associations (connector_id, to_type, to_id) WHERE valid_to IS NULL;
