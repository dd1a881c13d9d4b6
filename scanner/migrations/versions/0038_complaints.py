"""Complaints that were found to be misuse, and the size of platforms.

Revision ID: 0038_complaints
Revises: 0037_streams
"""

import sqlalchemy as sa
from alembic import op

revision = "0038_complaints"
down_revision = "0037_streams"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appeal", sa.Column("misuse", sa.String(20), nullable=True))
    op.add_column("tenant", sa.Column("micro_or_small", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("tenant", "micro_or_small")
    op.drop_column("appeal", "misuse")
