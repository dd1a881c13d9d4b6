"""Appeals: who may not decide them, kept by the database too; what is left of a stopped clock.

Revision ID: 0016_appeals
Revises: 0015_rights
"""

import sqlalchemy as sa
from alembic import op

from scanner.migrations import deciders

revision = "0016_appeals"
down_revision = "0015_rights"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appeal", sa.Column("left_seconds", sa.Float(), nullable=True))
    op.add_column("appeal", sa.Column("outcome_kind", sa.String(10), nullable=True))
    for table in ("prior_decider", "appeal_decider"):
        op.create_table(
            table,
            sa.Column("appeal_id", sa.String(36), nullable=False),
            sa.Column("decider_id", sa.String(36), nullable=False),
            sa.Column("tenant_id", sa.String(36), nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.PrimaryKeyConstraint("appeal_id", "decider_id"),
        )
    for statement in deciders.guards(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in deciders.without_guards(op.get_bind().dialect.name):
        op.execute(statement)
    op.drop_table("appeal_decider")
    op.drop_table("prior_decider")
    op.drop_column("appeal", "outcome_kind")
    op.drop_column("appeal", "left_seconds")
