"""Statements of reasons with every part of DSA-17(3), and their outbox to the EU's database.

Revision ID: 0017_statements
Revises: 0016_appeals
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017_statements"
down_revision = "0016_appeals"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _added() -> "list[sa.Column[Any]]":
    return [
        sa.Column("territories", _JSON, nullable=False, server_default='["*"]'),
        sa.Column("excepted", _JSON, nullable=False, server_default="[]"),
        sa.Column("source", sa.String(20), nullable=False, server_default="own_initiative"),
        sa.Column("source_form", sa.String(20), nullable=True),
        sa.Column("source_id", sa.String(36), nullable=True),
        sa.Column("ground", sa.String(10), nullable=False, server_default="terms"),
        sa.Column("contest_until", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    for column in _added():
        op.add_column("statement_of_reasons", column)
    op.create_table(
        "database_push",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("statement_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("payload", _JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(500), nullable=True),
        sa.Column("uuid", sa.String(60), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("statement_id"),
    )
    op.create_index("ix_database_push_due", "database_push", ["state", "not_before"])
    op.create_index("ix_database_push_track_id", "database_push", ["track_id"])


def downgrade() -> None:
    op.drop_table("database_push")
    for column in _added():
        op.drop_column("statement_of_reasons", column.name)
