"""The console: sessions of creators and parents, and what creators began to write.

Revision ID: 0022_creator_sessions
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022_creator_sessions"
down_revision = "0021_reviewer"
branch_labels = None
depends_on = None

json_type = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("console_session") as table:
        table.alter_column("user_id", existing_type=sa.String(36), nullable=True)
        table.add_column(sa.Column("account_id", sa.String(36), nullable=True))
        table.add_column(sa.Column("link_id", sa.String(36), nullable=True))
        table.add_column(sa.Column("guardian_id", sa.String(36), nullable=True))
        table.create_foreign_key("fk_console_session_account", "account", ["account_id"], ["id"])
        table.create_foreign_key("fk_console_session_link", "entry_link", ["link_id"], ["id"])
        table.create_foreign_key("fk_console_session_guardian", "guardian", ["guardian_id"], ["id"])
    op.create_index("ix_console_session_account_id", "console_session", ["account_id"])
    op.create_index("ix_consent_token_digest", "consent", ["token_digest"])
    op.create_table(
        "contest_draft",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(36), nullable=False),
        sa.Column("content", json_type, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "kind", "subject_id", name="uq_contest_draft"),
    )
    op.create_index("ix_contest_draft_saved_at", "contest_draft", ["saved_at"])


def downgrade() -> None:
    op.drop_table("contest_draft")
    op.drop_index("ix_consent_token_digest", "consent")
    op.drop_index("ix_console_session_account_id", "console_session")
    op.execute("DELETE FROM console_session WHERE user_id IS NULL")
    with op.batch_alter_table("console_session") as table:
        for name in ("guardian", "link", "account"):
            table.drop_constraint(f"fk_console_session_{name}", type_="foreignkey")
            table.drop_column(f"{name}_id")
        table.alter_column("user_id", existing_type=sa.String(36), nullable=False)
