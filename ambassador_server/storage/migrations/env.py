"""Makes Alembic run the migrations on the given connection and in its transaction."""

from alembic import context

from ambassador_server.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
