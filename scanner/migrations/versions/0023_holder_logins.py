"""Logins of rights holders, and catalogues that are taken in by the file.

Revision ID: 0023_holder_logins
Revises: 0020_console
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023_holder_logins"
down_revision = "0022_creator_sessions"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("user_login", sa.Column("holder_id", sa.String(36), nullable=True))
    op.add_column(
        "rights_share", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )
    op.create_table(
        "catalogue_import",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("holder_id", sa.String(36), nullable=False),
        sa.Column("actor_id", sa.String(36), nullable=False),
        sa.Column("actor_role", sa.String(30), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("file_sha256", sa.String(64), nullable=False),
        sa.Column("form", sa.String(10), nullable=False),
        sa.Column("files_of", sa.String(36), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("problem", sa.String(1000), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_catalogue_import_state", "catalogue_import", ["state", "leased_until"])
    op.create_index(
        "ix_catalogue_import_holder", "catalogue_import", ["tenant_id", "holder_id", "id"]
    )
    op.create_table(
        "catalogue_import_row",
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("holder_id", sa.String(36), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("errors", _JSON, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reference_id", sa.String(36), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"]),
        sa.PrimaryKeyConstraint("import_id", "number"),
    )
    op.create_index(
        "ix_catalogue_import_row_key", "catalogue_import_row", ["tenant_id", "holder_id", "key"]
    )
    op.create_index("ix_catalogue_import_row_state", "catalogue_import_row", ["import_id", "state"])


def downgrade() -> None:
    op.drop_table("catalogue_import_row")
    op.drop_table("catalogue_import")
    with op.batch_alter_table("rights_share") as table:
        table.drop_column("version")
    with op.batch_alter_table("user_login") as table:
        table.drop_column("holder_id")
