"""What grows with time: how long it is kept, and how much of it there is. Dagster's own tables are among it."""
