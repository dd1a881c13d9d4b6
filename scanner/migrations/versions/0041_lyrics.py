"""Lyrics of references, which prompts may not quote.

Revision ID: 0041_lyrics
Revises: 0040_rescans
"""

import sqlalchemy as sa
from alembic import op

revision = "0041_lyrics"
down_revision = "0040_rescans"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference_lyrics",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("reference_id", sa.String(36), nullable=False),
        sa.Column("text", sa.String(20_000), nullable=False),
        sa.Column("folded", sa.String(60_000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["reference_id"], ["reference.id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("reference_id"),
    )
    op.create_table(
        "lyric_shingle",
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("digest", "number"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("lyric_shingle")
    op.drop_table("reference_lyrics")
