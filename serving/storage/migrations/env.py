"""Alembic's entry: runs the steps on the connection that :func:`upgrade` was given."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
