"""Stored tracks looked at again with newer detectors.

Revision ID: 0040_rescans
Revises: 0039_drift
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0040_rescans"
down_revision = "0039_drift"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rescan",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("wanted", json_type(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(36), nullable=False),
        sa.Column("last_track_id", sa.String(36), nullable=False),
        sa.Column("at_work", json_type(), nullable=False),
        sa.Column("looked_at", sa.Integer(), nullable=False),
        sa.Column("stricter", sa.Integer(), nullable=False),
        sa.Column("looser", sa.Integer(), nullable=False),
        sa.Column("without_audio", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rescan_state", "rescan", ["state", "touched_at"])
    op.create_index("ix_rescan_tenant_id", "rescan", ["tenant_id"])


def downgrade() -> None:
    op.drop_table("rescan")
