-- What HubSpot said, as received.

CREATE SEQUENCE change_seq AS bigint CACHE 1;  -- docs/architecture.md: sequence numbers instead of timestamps

-- `json` keeps U+0000, which jsonb can't. `seq` is new whenever the row is. A version may also say that HubSpot no longer
-- has the record: then `payload` is what was known last, or nothing where it was erased.
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
    archived_reason text CHECK (archived_reason IN ('purged', 'erased')),  -- null beside a time: archived
    PRIMARY KEY (connector_id, object_type, hubspot_id, version),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_raw_records IS 'sync: each distinct version of a record, once';
CREATE INDEX hubspot_raw_records_seq ON hubspot_raw_records (connector_id, seq);

CREATE TABLE hubspot_raw_associations (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    from_type text NOT NULL,
    from_id text NOT NULL,
    to_type text NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('change_seq'),
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    links jsonb NOT NULL,  -- [{"id", "types": [{"category", "type_id", "label"}]}], ordered by id
    PRIMARY KEY (connector_id, from_type, from_id, to_type),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_raw_associations IS 'sync: the last complete answer for each deal and type of associated record';
CREATE INDEX hubspot_raw_associations_seq ON hubspot_raw_associations (connector_id, seq);

-- Chains of merges resolved; known from the survivors' own properties, or from an answer to the old id, whether or not
-- the old record was ever read.
CREATE TABLE hubspot_merges (
    connector_id text NOT NULL,
    mind_id uuid NOT NULL,
    object_type text NOT NULL CHECK (object_type IN ('contacts', 'companies', 'deals')),
    loser_id text NOT NULL,
    survivor_id text NOT NULL CHECK (survivor_id <> loser_id),
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (connector_id, object_type, loser_id),
    FOREIGN KEY (connector_id, mind_id) REFERENCES connectors (id, mind_id)
);
COMMENT ON TABLE hubspot_merges IS 'sync: which record lives on for each one that was merged away';
CREATE INDEX hubspot_merges_survivor ON hubspot_merges (connector_id, object_type, survivor_id);
