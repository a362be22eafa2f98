"""What Alembic runs around the steps: our connection, in the transaction it is in."""

from alembic import context

from ambassador_server.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
