-- How far reading, interpreting and comparing have come. Rows and the cursor that vouches for them commit together.

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
    run_id text,  -- the run that is the last poll: its steps begin, and fail, one poll together; null: it took no run
    read_to_end_at timestamptz,  -- null: the pull of the poll has not read everything
    last_ended_at timestamptz,  -- also of a poll that was but a slice
    pulled_before jsonb NOT NULL DEFAULT '{}',  -- `pulled_counts` as the poll under way began
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_polls IS 'sync: the last poll and its retries';

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
COMMENT ON TABLE hubspot_backfills IS 'sync: the first read of the window';

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
    page_stored_at timestamptz,  -- a backfill that moves is not stale
    first_id bigint,  -- lowest id from which on all are stored, of a scan that goes from both ends
    PRIMARY KEY (connector_id, object_type, scan),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_cursors IS 'sync: how far each type''s scans are';

-- A trigger, so that no writer of cursors can forget it.
CREATE FUNCTION note_stored_page() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.page_stored_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER page_stored BEFORE UPDATE ON hubspot_cursors FOR EACH ROW
    WHEN (NEW.pages > OLD.pages) EXECUTE FUNCTION note_stored_page();

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
COMMENT ON TABLE hubspot_hydrations IS 'sync: property names that a portal refuses to answer for; no row: it accepts all';

CREATE TABLE hubspot_skipped_records (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    hubspot_id text NOT NULL,
    part text NOT NULL CHECK (part IN ('record', 'links')),
    tried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, object_type, hubspot_id, part),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_skipped_records IS 'sync: records that HubSpot does not answer for, not even alone';

-- Mapping keeps one cursor for contacts and companies (`map`) and one for deals, which wait for the backfill's end;
-- `queue` says when something was queued last.
CREATE TABLE pipeline_stages (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    stage text NOT NULL CHECK (stage IN
        ('associate', 'reference', 'normalize', 'link', 'attribute', 'map', 'map_deals', 'queue')),
    seq bigint NOT NULL DEFAULT 0,
    rules text NOT NULL DEFAULT '',  -- digest of everything but the rows that the stage's output depends on
    at timestamptz,
    applied jsonb,  -- what `normalize` works by, as people are told: {"settings": as configured, "filters": as applied}
    PRIMARY KEY (connector_id, stage),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE pipeline_stages IS 'store: up to which change each later stage has worked, and by which rules';

CREATE TABLE hubspot_reconciliations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    phase text NOT NULL DEFAULT 'live' CHECK (phase IN ('live', 'archived', 'absent')),
    after text,  -- of a list: its cursor; of the absent ones: the last id that was settled
    pages integer NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}',  -- what the walk found and put right so far, by kind
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_reconciliations IS 'sync: the walk of each type''s lists: live, archived, then what neither has';

CREATE TABLE hubspot_walked_pages (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    page integer NOT NULL,
    hubspot_ids text[] NOT NULL,
    PRIMARY KEY (connector_id, object_type, page),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_walked_pages IS 'sync: ids that a walk under way has met; gone when it is complete';

-- A record up to `last_id` was read since `started_at`, whatever its own row says; so none has to be written just to
-- note that it was looked at.
CREATE TABLE hubspot_rereads (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    definitions_hash text NOT NULL,  -- the set of property names of the last read; blank: another round is due
    last_id text NOT NULL DEFAULT '',
    records bigint NOT NULL DEFAULT 0,  -- of the present round
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- with the definitions, for the last time
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_rereads IS 'sync: the rolling re-read of every record';

CREATE TABLE hubspot_drifts (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    portal_total bigint NOT NULL,  -- modified since the window's start, by HubSpot's search
    stored_total bigint NOT NULL,  -- live rows of the window
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    differs_since timestamptz,
    confirmed_at timestamptz,  -- not null: it is drift
    missing_ids text[] NOT NULL DEFAULT '{}',  -- a sample: found by search, not readable and not stored
    surplus_ids text[] NOT NULL DEFAULT '{}',  -- a sample: stored and readable, not found by search
    PRIMARY KEY (connector_id, object_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_drifts IS 'sync: HubSpot''s count of each type''s window beside ours, and which ids differ';

COMMENT ON FUNCTION note_stored_page IS 'sync: notes when a scan''s cursor has moved';
