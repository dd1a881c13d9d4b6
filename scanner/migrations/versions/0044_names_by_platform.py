"""Records are shown under their platform's own pseudonyms; those sealed before keep the installation's.

Revision ID: 0044_names_by_platform
Revises: 0043_complaint_means
"""

import sqlalchemy as sa
from alembic import op

revision = "0044_names_by_platform"
down_revision = "0043_complaint_means"
branch_labels = None
depends_on = None


def upgrade() -> None:
    names = sa.Column("names", sa.Integer(), nullable=False, server_default="1")
    op.add_column("journal_seals", names)


def downgrade() -> None:
    op.drop_column("journal_seals", "names")
