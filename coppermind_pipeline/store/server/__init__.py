"""The embedded PostgreSQL server, and the programs that come with it."""
