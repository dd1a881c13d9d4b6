"""Marks are read in every analysis and written into generated tracks.

Revision ID: 0006_watermarks
Revises: 0005_holders_of_peers
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006_watermarks"
down_revision = "0005_holders_of_peers"
branch_labels = None
depends_on = None


def _json(name: str, *, nullable: bool = False, default: str | None = None) -> "sa.Column[Any]":
    kind = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    return sa.Column(name, kind, nullable=nullable, server_default=default)


def _moment(name: str, *, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id(name: str, target: str | None = None, *, nullable: bool = False) -> "sa.Column[Any]":
    keys = () if target is None else (sa.ForeignKey(f"{target}.id"),)
    return sa.Column(name, sa.String(36), *keys, nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length), nullable=nullable)


def upgrade() -> None:
    # The default stays: SQLite would have to copy the table, and much points at it.
    op.add_column("analysis", _json("watermarks", default="[]"))
    _keys()
    _licensees()
    _marks()
    _stems()
    _files()


def _keys() -> None:
    op.create_table(
        "watermark_key",
        _id("id"),
        _id("tenant_id", "tenant", nullable=True),
        _text("owner", 200, nullable=True),
        _text("digest", 64),
        _text("state", 20),
        _text("reason", 500, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _moment("created_at", nullable=False),
        _moment("revoked_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "digest", name="uq_watermark_key_digest"),
    )
    op.create_index("ix_watermark_key_tenant_id", "watermark_key", ["tenant_id"])
    _unique("uq_watermark_key_service_digest", "digest", "tenant_id IS NULL")
    _unique("uq_watermark_key_writing", "tenant_id", "state = 'writing'")
    _unique("uq_watermark_key_service_writing", "state", "state = 'writing' AND tenant_id IS NULL")


def _unique(name: str, column: str, where: str) -> None:
    part = sa.text(where)
    op.create_index(
        name, "watermark_key", [column], unique=True, sqlite_where=part, postgresql_where=part
    )


def _licensees() -> None:
    op.create_table(
        "mark_licensee",
        _id("id"),
        _id("tenant_id", "tenant"),
        _text("name", 200),
        _text("state", 20),
        _text("reason", 500, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _moment("noticed_at"),
        _moment("due_at"),
        _moment("revoked_at"),
        _moment("created_at", nullable=False),
        _moment("updated_at", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_mark_licensee_name"),
    )
    op.create_index("ix_mark_licensee_due", "mark_licensee", ["due_at"])


def _marks() -> None:
    op.create_table(
        "watermark",
        _id("id"),
        _id("tenant_id", "tenant"),
        _id("track_id", "track"),
        _id("account_id", "account", nullable=True),
        _id("licensee_id", "mark_licensee", nullable=True),
        _text("take_id", 200),
        _text("model", 200),
        _text("model_version", 200, nullable=True),
        _text("scheme", 40),
        _text("payload_id", 24),
        _text("payload", 32),
        _id("key_id", "watermark_key"),
        _text("state", 20),
        _json("measurement", nullable=True),
        _text("master_sha256", 64, nullable=True),
        _json("warnings"),
        _moment("issued_at", nullable=False),
        _moment("verified_at"),
        _moment("published_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("track_id"),
        sa.UniqueConstraint("payload_id"),
    )
    op.create_index("ix_watermark_take", "watermark", ["tenant_id", "take_id"])
    op.create_index("ix_watermark_published", "watermark", ["published_at"])


def _stems() -> None:
    op.create_table(
        "track_stem",
        _id("id"),
        _id("tenant_id", "tenant"),
        _id("track_id", "track"),
        _text("name", 100),
        _text("sha256", 64),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _text("state", 20),
        _json("measurement", nullable=True),
        _text("master_sha256", 64, nullable=True),
        _text("fingerprint_sha256", 64, nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        _moment("created_at", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("track_id", "name", name="uq_track_stem_name"),
    )


def _files() -> None:
    op.create_table(
        "released_file",
        _id("id"),
        _id("tenant_id", "tenant"),
        _id("track_id", "track"),
        _text("part", 110),
        _text("form", 10),
        sa.Column("bit_rate", sa.Integer(), nullable=False),
        _text("payload", 32),
        _text("sha256", 64),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        _json("mark"),
        sa.Column("likeness", sa.Float(), nullable=True),
        _moment("created_at", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "track_id", "part", "form", "bit_rate", "payload", name="uq_released_file_form"
        ),
    )
    op.create_index("ix_released_file_track_id", "released_file", ["track_id"])
    op.create_index("ix_released_file_sha256", "released_file", ["sha256"])


def downgrade() -> None:
    for table in ("released_file", "track_stem", "watermark", "mark_licensee", "watermark_key"):
        op.drop_table(table)
    op.drop_column("analysis", "watermarks")
