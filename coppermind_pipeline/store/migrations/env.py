"""Alembic's entry: runs the revisions on the connection that `migrations.upgrade` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="coppermind")
context.run_migrations()
