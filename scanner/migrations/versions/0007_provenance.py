"""Manifests are verified in every analysis, and kept of every file that was signed.

Revision ID: 0007_provenance
Revises: 0006_watermarks
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_provenance"
down_revision = "0006_watermarks"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def upgrade() -> None:
    op.add_column("analysis", sa.Column("provenance", _JSON, nullable=True))
    op.create_table(
        "provenance",
        _text("id", 36),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("track_id", sa.String(36), sa.ForeignKey("track.id"), nullable=False),
        _text("part", 110),
        _text("form", 10),
        _text("file_sha256", 64),
        _text("manifest_sha256", 64),
        _text("label", 500),
        _text("issuer", 500),
        _text("payload", 32, nullable=True),
        _text("source_type", 60, nullable=True),
        _text("model", 200, nullable=True),
        _text("model_version", 200, nullable=True),
        _text("prompt_sha256", 64, nullable=True),
        _text("seed", 20, nullable=True),
        sa.Column("parents", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "file_sha256", name="uq_provenance_file"),
    )
    op.create_index("ix_provenance_track_id", "provenance", ["track_id"])
    op.create_index("ix_provenance_payload", "provenance", ["payload"])


def downgrade() -> None:
    op.drop_table("provenance")
    op.drop_column("analysis", "provenance")
