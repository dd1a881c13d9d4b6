"""Statements of reasons for what is done to parties; presumed lawful uses and complaints about them.

Revision ID: 0032_law
Revises: 0029_passed_up
"""

import sqlalchemy as sa
from alembic import op

revision = "0032_law"
down_revision = "0029_passed_up"
branch_labels = None
depends_on = None

_ADDED = (
    ("matter_kind", sa.String(20)),
    ("matter_id", sa.String(36)),
    ("party_kind", sa.String(20)),
    ("party_id", sa.String(64)),
    ("what", sa.String(20)),
    ("ends_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    with op.batch_alter_table("statement_of_reasons") as batch:
        for name, type_ in _ADDED:
            batch.add_column(sa.Column(name, type_, nullable=True))
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=True)
        batch.alter_column("decision_id", existing_type=sa.String(36), nullable=True)
    op.create_index(
        "ix_statement_of_reasons_matter",
        "statement_of_reasons",
        ["matter_kind", "matter_id"],
        unique=True,
    )
    op.create_index("ix_statement_of_reasons_party", "statement_of_reasons", ["party_id"])
    with op.batch_alter_table("database_push") as batch:
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM database_push WHERE track_id IS NULL")
    op.execute("DELETE FROM statement_of_reasons WHERE track_id IS NULL")
    with op.batch_alter_table("database_push") as batch:
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=False)
    op.drop_index("ix_statement_of_reasons_party", "statement_of_reasons")
    op.drop_index("ix_statement_of_reasons_matter", "statement_of_reasons")
    with op.batch_alter_table("statement_of_reasons") as batch:
        batch.alter_column("decision_id", existing_type=sa.String(36), nullable=False)
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=False)
        for name, _ in reversed(_ADDED):
            batch.drop_column(name)
