"""How Alembic runs the migrations: on the connection that the collector has opened."""

from alembic import context

from stt_service.collector.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
