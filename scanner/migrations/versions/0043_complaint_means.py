"""Whether a platform that the DSA exempts offers appeals all the same, and who was told of one (DSA-19).

Revision ID: 0043_complaint_means
Revises: 0042_melodies
"""

import sqlalchemy as sa
from alembic import op

revision = "0043_complaint_means"
down_revision = "0042_melodies"
branch_labels = None
depends_on = None

TOLD = ("statement_of_reasons", "notice", "strike", "sanction")


def upgrade() -> None:
    op.add_column("tenant", sa.Column("small_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "tenant",
        sa.Column("offers_means", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    for table in TOLD:
        op.add_column(
            table,
            sa.Column("open_to_appeal", sa.Boolean(), nullable=False, server_default=sa.true()),
        )


def downgrade() -> None:
    for table in TOLD:
        op.drop_column(table, "open_to_appeal")
    op.drop_column("tenant", "offers_means")
    op.drop_column("tenant", "small_until")
