-- Which turn of its budget a call took; it goes on counting for good.
ALTER TABLE rate_limit_states ADD COLUMN calls bigint NOT NULL DEFAULT 0;

-- Calls that went out later than their turn, and when the limit's window that they opened ends, in seconds of the epoch.
-- Holds no mind's data, hence no policy; worth nothing after a crash, hence no write-ahead log.
CREATE UNLOGGED TABLE rate_limit_late_calls (
    hub_id bigint NOT NULL,
    budget text NOT NULL,
    rank bigint NOT NULL,
    window_ends double precision NOT NULL,
    PRIMARY KEY (hub_id, budget, rank)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limit_late_calls TO coppermind_app;
