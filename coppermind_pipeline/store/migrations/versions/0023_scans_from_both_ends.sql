-- Lowest hs_object_id from which on all are stored, of a scan under way that goes from both ends.
ALTER TABLE hubspot_cursors ADD COLUMN first_id bigint;
