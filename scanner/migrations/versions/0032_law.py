"""Statements of reasons for what is done to parties; presumed lawful uses and complaints about them.

Revision ID: 0032_law
Revises: 0029_passed_up
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032_law"
down_revision = "0029_passed_up"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_ADDED = (
    ("matter_kind", sa.String(20)),
    ("matter_id", sa.String(36)),
    ("party_kind", sa.String(20)),
    ("party_id", sa.String(64)),
    ("what", sa.String(20)),
    ("ends_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    with op.batch_alter_table("statement_of_reasons") as batch:
        for name, type_ in _ADDED:
            batch.add_column(sa.Column(name, type_, nullable=True))
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=True)
        batch.alter_column("decision_id", existing_type=sa.String(36), nullable=True)
    op.create_index(
        "ix_statement_of_reasons_matter",
        "statement_of_reasons",
        ["matter_kind", "matter_id"],
        unique=True,
    )
    op.create_index("ix_statement_of_reasons_party", "statement_of_reasons", ["party_id"])
    with op.batch_alter_table("database_push") as batch:
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=True)
    op.create_table(
        "presumed_use",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("deciders", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("track_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=True),
        sa.Column("reference_id", sa.String(36), nullable=False),
        sa.Column("holder_id", sa.String(36), nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=False),
        sa.Column("prior_decision_id", sa.String(36), nullable=True),
        sa.Column("evidence", _JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("block", _JSON, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_presumed_use_match", "presumed_use", ["track_id", "reference_id"], unique=True
    )
    op.create_index("ix_presumed_use_tenant", "presumed_use", ["tenant_id", "state", "created_at"])
    for name in ("account_id", "holder_id"):
        op.create_index(f"ix_presumed_use_{name}", "presumed_use", [name])

    op.create_table(
        "audit_walk",
        sa.Column("chain", sa.String(36), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("place", _JSON, nullable=False),
        sa.Column("fitted", _JSON, nullable=False),
        sa.Column("result", _JSON, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("chain"),
    )

    op.create_table(
        "strike_policy",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy_hash", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("proposed_by", sa.String(36), nullable=False),
        sa.Column("decided_by", sa.String(36), nullable=True),
        sa.Column("single_operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_force_from", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_strike_policy_tenant", "strike_policy", ["tenant_id", "state"])


def downgrade() -> None:
    op.drop_table("strike_policy")
    op.drop_table("audit_walk")
    op.drop_table("presumed_use")
    op.execute("DELETE FROM database_push WHERE track_id IS NULL")
    op.execute("DELETE FROM statement_of_reasons WHERE track_id IS NULL")
    with op.batch_alter_table("database_push") as batch:
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=False)
    op.drop_index("ix_statement_of_reasons_party", "statement_of_reasons")
    op.drop_index("ix_statement_of_reasons_matter", "statement_of_reasons")
    with op.batch_alter_table("statement_of_reasons") as batch:
        batch.alter_column("decision_id", existing_type=sa.String(36), nullable=False)
        batch.alter_column("track_id", existing_type=sa.String(36), nullable=False)
        for name, _ in reversed(_ADDED):
            batch.drop_column(name)
