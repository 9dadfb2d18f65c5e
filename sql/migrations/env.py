"""Runs the migrations on the connection that `etl.database.schema.migrations.migrate` hands over."""

from alembic import context

from etl.database.schema.tables.all_tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Run the migrations with `python -m etl init`.")
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
