"""Contributors are asked first; who works on a project already goes on.

Revision ID: 0045_invitations
Revises: 0044_names_by_platform
"""

import sqlalchemy as sa
from alembic import op

revision = "0045_invitations"
down_revision = "0044_names_by_platform"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "take_invitation",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("expires_at", _WHEN, nullable=False),
        sa.Column("ended_at", _WHEN, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["project_id"], ["take_project.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_take_invitation_asked", "take_invitation", ["project_id", "account_id"])
    op.create_index("ix_take_invitation_account_id", "take_invitation", ["account_id"])
    op.create_index("ix_take_invitation_due", "take_invitation", ["state", "expires_at"])


def downgrade() -> None:
    op.drop_table("take_invitation")
