"""Baselines of detectors' scores, and days beside them.

Revision ID: 0039_drift
Revises: 0038_complaints
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0039_drift"
down_revision = "0038_complaints"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift_baseline",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("edges", json_type(), nullable=False),
        sa.Column("counts", json_type(), nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("frozen_by", sa.String(100), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_drift_baseline_open", "drift_baseline", ["tenant_id", "ended_at"])
    op.create_table(
        "drift_day",
        sa.Column("baseline_id", sa.String(36), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("tracks", sa.Integer(), nullable=False),
        sa.Column("psi", sa.Float(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["baseline_id"], ["drift_baseline.id"]),
        sa.PrimaryKeyConstraint("baseline_id", "day"),
    )
    op.create_index("ix_drift_day_judged", "drift_day", ["judged_at"])


def downgrade() -> None:
    op.drop_table("drift_day")
    op.drop_table("drift_baseline")
