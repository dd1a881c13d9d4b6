"""What reviewers do with cases: verdicts, notes, reasons, known answers; how far a case reaches.

Revision ID: 0013_cases
Revises: 0012_casework
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013_cases"
down_revision = "0012_casework"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("appeal_case", sa.Column("reach", sa.Integer(), nullable=True))
    op.create_index("ix_appeal_case_due", "appeal_case", ["state", "due_at"])
    op.create_index(
        "ix_track_match_decided", "track_match", ["tenant_id", "reference_id", "disposition"]
    )
    op.add_column(
        "retro_match",
        sa.Column("disposition", sa.String(20), nullable=False, server_default="open"),
    )
    op.create_table(
        "case_verdict",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("reviewer_id", sa.String(36), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("checks", sa.String(36), nullable=True),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("territories", _JSON, nullable=False),
        sa.Column("restrictions", _JSON, nullable=False),
        sa.Column("matches", _JSON, nullable=False),
        sa.Column("remedy", sa.String(60), nullable=True),
        sa.Column("misuse", sa.String(20), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_verdict_case", "case_verdict", ["case_id", "created_at"])
    op.create_index("ix_case_verdict_tenant", "case_verdict", ["tenant_id", "created_at"])
    op.create_table(
        "case_note",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_case_note_case", "case_note", ["case_id", "id"])
    op.create_table(
        "reason_template",
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("verdicts", _JSON, nullable=False),
        sa.Column("texts", _JSON, nullable=False),
        sa.Column("legal_basis", _JSON, nullable=False),
        sa.Column("matches", sa.String(20), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "code"),
    )
    op.create_table(
        "golden_case",
        sa.Column("case_id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=True),
        sa.Column("reference_id", sa.String(36), nullable=True),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("ix_golden_case_tenant_id", "golden_case", ["tenant_id"])
    op.create_index("ix_golden_case_track_id", "golden_case", ["track_id"])


def downgrade() -> None:
    for table in ("golden_case", "reason_template", "case_note", "case_verdict"):
        op.drop_table(table)
    op.drop_column("retro_match", "disposition")
    op.drop_index("ix_track_match_decided", "track_match")
    op.drop_index("ix_appeal_case_due", "appeal_case")
    op.drop_column("appeal_case", "reach")
