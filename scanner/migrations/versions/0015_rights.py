"""Rights: shares, contacts and verification of holders, ends of licences, exempted matches, edits.

Revision ID: 0015_rights
Revises: 0014_notices
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015_rights"
down_revision = "0014_notices"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "rights_share",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("holder_id", sa.String(36), nullable=False),
        sa.Column("subject", sa.String(36), nullable=False),
        sa.Column("right", sa.String(20), nullable=False),
        sa.Column("territory", sa.String(2), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rights_share_subject", "rights_share", ["tenant_id", "subject", "right"])
    op.create_index("ix_rights_share_holder", "rights_share", ["tenant_id", "holder_id"])
    op.create_table(
        "match_exemption",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("reference_id", sa.String(36), nullable=False),
        sa.Column("ground_kind", sa.String(20), nullable=False),
        sa.Column("ground_id", sa.String(36), nullable=False),
        sa.Column("segments", _JSON, nullable=False),
        sa.Column("claimed_in", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "track_id", "reference_id", "ground_kind", "ground_id", name="uq_exempt"
        ),
    )
    op.create_index("ix_match_exemption_track_id", "match_exemption", ["track_id"])
    op.create_table(
        "track_edit",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("new_track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("parts", _JSON, nullable=False),
        sa.Column("seconds_removed", sa.Float(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("new_track_id"),
    )
    op.create_index("ix_track_edit_track_id", "track_edit", ["track_id"])
    op.add_column("holder", sa.Column("contact_email", sa.String(320), nullable=True))
    op.add_column(
        "holder", sa.Column("language", sa.String(10), nullable=False, server_default="en")
    )
    op.add_column("holder", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("licence", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("licence", "version")
    op.drop_column("holder", "version")
    op.drop_column("holder", "language")
    op.drop_column("holder", "contact_email")
    op.drop_table("track_edit")
    op.drop_table("match_exemption")
    op.drop_table("rights_share")
