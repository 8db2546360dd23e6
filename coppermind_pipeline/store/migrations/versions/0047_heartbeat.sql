-- When something last looked for due polls; null where nothing ever did, as where every sync is by hand.
ALTER TABLE installation ADD polls_looked_for_at timestamptz;
GRANT UPDATE (polls_looked_for_at) ON installation TO coppermind_app;
