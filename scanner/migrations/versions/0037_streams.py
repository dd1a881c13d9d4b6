"""Live streams and what was on.

Revision ID: 0037_streams
Revises: 0029_passed_up
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0037_streams"
down_revision = "0036_preview"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("heard_seconds", sa.Float(), nullable=False),
        sa.Column("connections", json_type(), nullable=False),
        sa.Column("unsearched", json_type(), nullable=False),
        sa.Column("problem", json_type(), nullable=True),
        sa.Column("lease", sa.String(36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stream_tenant", "stream", ["tenant_id", "created_at", "id"])
    op.create_index("ix_stream_due", "stream", ["state", "retry_at"])
    op.create_table(
        "stream_play",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("stream_id", sa.String(36), nullable=False),
        sa.Column("reference_id", sa.String(36), nullable=False),
        sa.Column("start", sa.Float(), nullable=False),
        sa.Column("end", sa.Float(), nullable=False),
        sa.Column("reference_start", sa.Float(), nullable=False),
        sa.Column("reference_end", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("pitch_semitones", sa.Float(), nullable=False),
        sa.Column("tempo_ratio", sa.Float(), nullable=False),
        sa.Column("said_after", sa.Float(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stream_play_stream", "stream_play", ["stream_id", "start"])


def downgrade() -> None:
    op.drop_table("stream_play")
    op.drop_table("stream")
