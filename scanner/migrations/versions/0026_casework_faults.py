"""Casework: setbacks of chores, who was appointed, blocks of the audit tree, letters to be emptied once sent.

Revision ID: 0026_casework_faults
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op

revision = "0026_casework_faults"
down_revision = "0024_oidc"
branch_labels = None
depends_on = None

_MOOT = """
UPDATE case_verdict SET state = 'moot'
WHERE state IN ('standing', 'in_doubt')
  AND case_id IN (SELECT id FROM appeal_case WHERE closed_at IS NOT NULL)
"""


def upgrade() -> None:
    op.create_table(
        "setback",
        sa.Column("chore", sa.String(30), nullable=False),
        sa.Column("row_id", sa.String(36), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(100), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("chore", "row_id"),
    )
    op.create_index("ix_setback_not_before", "setback", ["not_before"])
    op.create_table(
        "audit_block",
        sa.Column("chain", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number"),
    )
    op.add_column("appeal_case", sa.Column("appointed", sa.String(36), nullable=True))
    op.add_column("letter", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(_MOOT)


def downgrade() -> None:
    op.drop_column("letter", "erased_at")
    op.drop_column("appeal_case", "appointed")
    op.drop_table("audit_block")
    op.drop_table("setback")
