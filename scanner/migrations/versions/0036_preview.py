"""Previews that are listened to while they are made.

Revision ID: 0036_preview
Revises: 0035_takes
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0036_preview"
down_revision = "0035_takes"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "preview",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("parameters", json_type(), nullable=False),
        sa.Column("controls", json_type(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("reasons", json_type(), nullable=False),
        sa.Column("tally", json_type(), nullable=False),
        sa.Column("engine", sa.String(60), nullable=False),
        sa.Column("engine_version", sa.String(60), nullable=False),
        sa.Column("payload_id", sa.String(24), nullable=True, unique=True),
        sa.Column("key_id", sa.String(36), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("beat_at", _WHEN, nullable=True),
        sa.Column("ended_at", _WHEN, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_preview_account", "preview", ["account_id", "state"])
    op.create_index("ix_preview_state", "preview", ["state", "beat_at"])


def downgrade() -> None:
    op.drop_table("preview")
