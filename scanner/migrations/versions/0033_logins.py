"""Links by which people set their password; sessions that end with a consent; paused webhooks; keys that end.

Revision ID: 0033_logins
Revises: 0029_passed_up
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0033_logins"
down_revision = "0032_law"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_ADDED: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "user_login": {"language": sa.String(10)},
    "console_session": {"consent_id": sa.String(36), "browser": sa.String(60)},
    "webhook": {
        "paused_at": _MOMENT,
        "sealed_former_secret": sa.String(500),
        "former_until": _MOMENT,
    },
    "api_key": {"expires_at": _MOMENT, "used_at": _MOMENT},
}


def upgrade() -> None:
    for table, columns in _ADDED.items():
        for name, type_ in columns.items():
            op.add_column(table, sa.Column(name, type_, nullable=True))
    sessions = sa.table("console_session", sa.column("guardian_id", sa.String))
    op.execute(sessions.delete().where(sessions.c.guardian_id.is_not(None)))
    op.create_table(
        "login_link",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_login.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_login_link_user_id", "login_link", ["user_id"])
    op.create_index("ix_login_link_expires_at", "login_link", ["expires_at"])
    op.create_index("ix_journal_newest", "journal", ["tenant_id", "id"])
    op.drop_index("ix_journal_tenant_id", "journal")


def downgrade() -> None:
    op.create_index("ix_journal_tenant_id", "journal", ["tenant_id"])
    op.drop_index("ix_journal_newest", "journal")
    op.drop_table("login_link")
    for table, columns in _ADDED.items():
        for name in columns:
            op.drop_column(table, name)
