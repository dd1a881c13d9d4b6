"""What people object to: training, decisions by rules alone, rehearsals.

Revision ID: 0027_objections
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op

revision = "0027_objections"
down_revision = "0026_casework_faults"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "objections",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("training_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("automated_decisions_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rehearsal_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )


def downgrade() -> None:
    op.drop_table("objections")
