"""Kept answers know the account that they are about; a catalogue counts the changes of its names.

Revision ID: 0019_policy_findings
Revises: 0018_audit
"""

import sqlalchemy as sa
from alembic import op

revision = "0019_policy_findings"
down_revision = "0018_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_key", sa.Column("about", sa.String(36), nullable=True))
    op.create_index("ix_idempotency_key_about", "idempotency_key", ["about"])
    op.add_column(
        "catalogue_epoch", sa.Column("names", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("catalogue_epoch", "names")
    op.drop_index("ix_idempotency_key_about", "idempotency_key")
    op.drop_column("idempotency_key", "about")
