"""Legal holds, erasures, and bytes that are to be removed.

Revision ID: 0010_privacy
Revises: 0009_people
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010_privacy"
down_revision = "0009_people"
branch_labels = None
depends_on = None


def _text(name: str, length: int, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(length), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _tenant() -> "sa.Column[str]":
    return sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "legal_hold",
        _text("id", 36),
        _tenant(),
        _text("object_kind", 20),
        _text("object_id", 36),
        _text("basis", 500),
        _moment("until"),
        _text("placed_by", 100),
        _moment("placed_at", nullable=False),
        _text("lifted_by", 100, nullable=True),
        _moment("lifted_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_legal_hold_object", "legal_hold", ["tenant_id", "object_kind", "object_id"])
    op.create_table(
        "erasure",
        _text("id", 36),
        _tenant(),
        _text("object_kind", 20),
        _text("object_id", 36),
        _text("cause", 20),
        _moment("at", nullable=False),
        _moment("finished_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("object_kind", "object_id", name="uq_erasure_object"),
    )
    op.create_index("ix_erasure_unfinished", "erasure", ["finished_at"])
    op.create_table(
        "blob_release",
        _tenant(),
        _text("sha256", 64),
        _moment("at", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sha256"),
    )


def downgrade() -> None:
    for table in ("blob_release", "erasure", "legal_hold"):
        op.drop_table(table)
