"""What reviewers ask for themselves, and short previews of references.

Revision ID: 0021_reviewer
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021_reviewer"
down_revision = "0020_console"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "reviewer_wish",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("break_cases", sa.Integer(), nullable=False),
        sa.Column("break_minutes", sa.Integer(), nullable=False),
        sa.Column("calm", sa.Boolean(), nullable=False),
        sa.Column("without", _JSON, nullable=False),
        sa.Column("put_off", _JSON, nullable=False),
        sa.Column("rested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_login.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.add_column("reference", sa.Column("preview_sha256", sa.String(64), nullable=True))
    op.add_column("reference", sa.Column("preview_lufs", sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("reference") as batch:
        batch.drop_column("preview_lufs")
        batch.drop_column("preview_sha256")
    op.drop_table("reviewer_wish")
