-- What the stage `normalize` works by, as people are told: {"settings": as configured, "filters": as applied}. Null: it
-- has not run since this column is there.
ALTER TABLE pipeline_stages ADD COLUMN applied jsonb;
