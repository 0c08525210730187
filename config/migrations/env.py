"""Run migrations on the connection that `sinks.database` hands over, inside its transaction."""

from alembic import context

from models.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("migrations run by `seamwatch db upgrade`")

context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
