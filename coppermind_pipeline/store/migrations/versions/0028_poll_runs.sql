-- The run that is the last poll: its steps begin, and fail, one poll together. Null for a poll that took no run.
ALTER TABLE hubspot_polls ADD COLUMN run_id text;
