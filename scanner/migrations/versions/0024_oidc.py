"""Logins that change and come from an identity provider; backtests as jobs; a platform's newest matches.

Revision ID: 0024_oidc
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024_oidc"
down_revision = "0023_holder_logins"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "user_login", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("user_login", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("user_login", sa.Column("subject_digest", sa.String(64), nullable=True))
    op.create_index("ix_user_login_subject_digest", "user_login", ["subject_digest"], unique=True)
    op.create_table(
        "console_sign_in",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(128), nullable=False),
        sa.Column("next_path", sa.String(1001), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_console_sign_in_expires_at", "console_sign_in", ["expires_at"])
    op.create_table(
        "policy_backtest",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("pack_id", sa.String(36), nullable=False),
        sa.Column("asked_by", sa.String(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("replayed", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_id", sa.String(36), nullable=False),
        sa.Column("result", _JSON, nullable=False),
        sa.Column("problem", sa.String(500), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_policy_backtest_pack", "policy_backtest", ["pack_id", "created_at"])
    op.create_index("ix_policy_backtest_state", "policy_backtest", ["state", "leased_until"])
    op.create_index("ix_policy_backtest_created_at", "policy_backtest", ["created_at"])
    op.create_index("ix_track_match_newest", "track_match", ["tenant_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_track_match_newest", "track_match")
    op.drop_table("policy_backtest")
    op.drop_table("console_sign_in")
    op.drop_index("ix_user_login_subject_digest", "user_login")
    for column in ("subject_digest", "disabled_at", "version"):
        op.drop_column("user_login", column)
