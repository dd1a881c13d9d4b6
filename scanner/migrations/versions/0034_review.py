"""A reviewer's own keys, what they heard, and what creators change in what they declared.

Revision ID: 0034_review
Revises: 0029_passed_up
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0034_review"
down_revision = "0033_logins"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "reviewer_wish", sa.Column("keys", _JSON, nullable=False, server_default=sa.text("'{}'"))
    )
    op.create_table(
        "case_hearing",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "user_id", name="uq_case_hearing"),
    )
    op.create_table(
        "track_amendment",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("content", _JSON, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_track_amendment_track", "track_amendment", ["track_id", "state"])
    op.create_index("ix_track_amendment_account_id", "track_amendment", ["account_id"])


def downgrade() -> None:
    op.drop_table("track_amendment")
    op.drop_table("case_hearing")
    with op.batch_alter_table("reviewer_wish") as batch:
        batch.drop_column("keys")
