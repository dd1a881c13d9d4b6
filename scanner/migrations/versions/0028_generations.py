"""What was made of a request to a generator.

Revision ID: 0028_generations
Revises: 0027_objections
"""

import sqlalchemy as sa
from alembic import op

from scanner.tables.columns import json_type

revision = "0028_generations"
down_revision = "0027_objections"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("generation") as table:
        table.add_column(sa.Column("track_id", sa.String(36), nullable=True))
        table.add_column(sa.Column("take", json_type(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("generation") as table:
        table.drop_column("take")
        table.drop_column("track_id")
