"""The roles of the database: their passwords and logins, and what PostgreSQL leaves open to everybody."""
