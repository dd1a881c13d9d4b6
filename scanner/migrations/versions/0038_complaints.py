"""Complaints that were found to be misuse.

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


def downgrade() -> None:
    op.drop_column("appeal", "misuse")
