"""When a person left a copy of a noticed work, and when its notice's sender was told (DSA-20).

Revision ID: 0046_copies
Revises: 0045_invitations
"""

import sqlalchemy as sa
from alembic import op

revision = "0046_copies"
down_revision = "0045_invitations"
branch_labels = None
depends_on = None

COLUMNS = ("left_at", "told_at", "contest_until")
UNTOLD = sa.text("left_at IS NOT NULL AND told_at IS NULL")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("notice_track", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_notice_track_untold",
        "notice_track",
        ["left_at"],
        sqlite_where=UNTOLD,
        postgresql_where=UNTOLD,
    )


def downgrade() -> None:
    op.drop_index("ix_notice_track_untold", "notice_track")
    for name in reversed(COLUMNS):
        op.drop_column("notice_track", name)
