-- The installation as a whole, in one row. A restored database starts paused: it may be a copy of one that goes on polling.
CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    paused_since timestamptz
);
INSERT INTO installation DEFAULT VALUES;

-- Holds no mind's data, hence no policy.
GRANT SELECT ON installation TO coppermind_app, coppermind_scheduler, coppermind_reader;
