"""Run our migrations on the connection that `storage.database` hands in."""

from alembic import context

from storage.tables import Row


def ours(name: str | None, kind: str, parents: object) -> bool:
    """Leave the tables of the engine for durable jobs alone: they are not ours to change."""
    return kind != "table" or name in Row.metadata.tables


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Row.metadata,
    include_name=ours,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
