-- `pulled_counts` as the poll under way began: what has come since is the poll's, over as many runs as it takes.
ALTER TABLE hubspot_polls ADD COLUMN pulled_before jsonb NOT NULL DEFAULT '{}';
UPDATE hubspot_polls SET pulled_before = pulled_counts WHERE last_succeeded_at IS NOT NULL;
