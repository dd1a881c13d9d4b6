"""Takes as a tree, their stems and projects; the engines that make them.

Revision ID: 0035_takes
Revises: 0029_passed_up
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0035_takes"
down_revision = "0034_review"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "take_project",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("current_take_id", sa.String(36), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_take_project_account_id", "take_project", ["account_id"])
    op.create_table(
        "take_contributor",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("added_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("project_id", "account_id"),
    )
    op.create_index("ix_take_contributor_account_id", "take_contributor", ["account_id"])
    _takes()
    _stems()
    _engines()


def _takes() -> None:
    op.create_table(
        "take",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("generation_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("parent_id", sa.String(36), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("engine", sa.String(100), nullable=False),
        sa.Column("engine_version", sa.String(100), nullable=False),
        sa.Column("locked", json_type(), nullable=False),
        sa.Column("locked_bars", json_type(), nullable=False),
        sa.Column("amount", sa.Float(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("bars", sa.Integer(), nullable=False),
        sa.Column("bar_seconds", sa.Float(), nullable=False),
        sa.Column("credits", json_type(), nullable=False),
        sa.Column("document_sha256", sa.String(64), nullable=False),
        sa.Column("shared_at", _WHEN, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["track_id"], ["track.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id"),
    )
    op.create_index("ix_take_project", "take", ["project_id", "id"])
    op.create_index("ix_take_listed", "take", ["tenant_id", "account_id", "id"])
    op.create_index("ix_take_engine", "take", ["engine", "engine_version"])
    op.create_index("ix_take_account_id", "take", ["account_id"])
    op.create_index("ix_take_track_id", "take", ["track_id"])
    op.create_index("ix_take_parent_id", "take", ["parent_id"])


def _stems() -> None:
    op.create_table(
        "take_stem",
        sa.Column("take_id", sa.String(36), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("instrument", sa.String(100), nullable=False),
        sa.Column("made_by", sa.String(10), nullable=False),
        sa.Column("segments", json_type(), nullable=False),
        sa.Column("sound_sha256", sa.String(64), nullable=False),
        sa.Column("midi_sha256", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["take_id"], ["take.id"]),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["track_id"], ["track.id"]),
        sa.PrimaryKeyConstraint("take_id", "place"),
    )
    op.create_index("ix_take_stem_track_id", "take_stem", ["track_id"])


def _engines() -> None:
    op.create_table(
        "generator_engine",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("engine_version", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("manifest", json_type(), nullable=False),
        sa.Column("test", json_type(), nullable=True),
        sa.Column("tested_at", _WHEN, nullable=True),
        sa.Column("reason", sa.String(500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "engine_version", name="uq_generator_engine_version"),
    )


def downgrade() -> None:
    for table in ("generator_engine", "take_stem", "take", "take_contributor", "take_project"):
        op.drop_table(table)
