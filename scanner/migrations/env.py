"""Alembic's entry: runs on the connection that `Database.upgrade` hands over."""

from alembic import context
from sqlmodel import SQLModel

import scanner.tables  # noqa: F401  (registers every table)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
