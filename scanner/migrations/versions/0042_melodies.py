"""Melodies that takes are built on.

Revision ID: 0042_melodies
Revises: 0041_lyrics
"""

import sqlalchemy as sa
from alembic import op

revision = "0042_melodies"
down_revision = "0041_lyrics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generation", sa.Column("melody_sha256", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("generation", "melody_sha256")
