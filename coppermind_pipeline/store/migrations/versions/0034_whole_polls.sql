-- A poll has succeeded when every one of its steps has: what its pull read is noted beside that, and so is the end of a
-- poll that was but a slice. Null: the pull of the poll has not read everything.
ALTER TABLE hubspot_polls ADD COLUMN read_to_end_at timestamptz, ADD COLUMN last_ended_at timestamptz;

-- The step that raised a problem, whose success takes it back; null where a person's act does.
ALTER TABLE connector_problems ADD COLUMN step text;
