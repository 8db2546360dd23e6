-- What a mind remembers, and what is on its way there.

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
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id),
    CHECK (aggregate_connector_id = connector_id)
);
COMMENT ON TABLE memories IS 'memories: texts about records and periods, superseded ones too';
CREATE UNIQUE INDEX memories_live ON memories (source_ref) WHERE superseded_at IS NULL AND retired_at IS NULL;
CREATE UNIQUE INDEX memories_live_aggregate ON memories (aggregate_connector_id, aggregate_scope)
    WHERE superseded_at IS NULL AND retired_at IS NULL AND aggregate_scope IS NOT NULL;
CREATE INDEX memories_mind ON memories (mind_id, type, created_at DESC);
CREATE INDEX memories_search ON memories USING gin (search);
CREATE INDEX memories_connector ON memories (connector_id, source_ref);
CREATE INDEX memories_newest ON memories (mind_id, id DESC) WHERE superseded_at IS NULL AND retired_at IS NULL;

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
COMMENT ON TABLE memory_queue IS 'memories: what is to be published or retired; a newer entry of a source replaces the last';
CREATE INDEX memory_queue_connector ON memory_queue (connector_id, available_at);

CREATE TABLE memory_lexemes (
    mind_id uuid NOT NULL REFERENCES minds,
    lexeme text COLLATE "C" NOT NULL,
    stem text NOT NULL,  -- its English stem
    PRIMARY KEY (mind_id, lexeme)
);
COMMENT ON TABLE memory_lexemes IS 'memories: a mind''s words, which a misspelt word of a query is compared with';
CREATE INDEX memory_lexemes_stem ON memory_lexemes (mind_id, stem);

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
COMMENT ON TABLE syntheses IS 'synthesis: one row per connector and period that was worked on';
