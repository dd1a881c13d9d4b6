"""Notices: where a remedy holds, and the trusted flaggers.

Revision ID: 0014_notices
Revises: 0013_cases
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014_notices"
down_revision = "0013_cases"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    # The default stays: SQLite would have to copy the table.
    op.add_column("notice", sa.Column("territories", _JSON, nullable=False, server_default="[]"))
    op.create_table(
        "flagger",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_flagger_tenant_id", "flagger", ["tenant_id"])


def downgrade() -> None:
    op.drop_index("ix_flagger_tenant_id", "flagger")
    op.drop_table("flagger")
    op.drop_column("notice", "territories")
