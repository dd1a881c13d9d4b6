"""Which cases were passed up: only appeals officers take them.

Revision ID: 0029_passed_up
Revises: 0028_generations
"""

import sqlalchemy as sa
from alembic import op

revision = "0029_passed_up"
down_revision = "0028_generations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "appeal_case",
        sa.Column("passed_up", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    cases = sa.table(
        "appeal_case", sa.column("state", sa.String), sa.column("passed_up", sa.Boolean)
    )
    op.execute(cases.update().where(cases.c.state == "escalated").values(passed_up=sa.true()))


def downgrade() -> None:
    op.drop_column("appeal_case", "passed_up")
