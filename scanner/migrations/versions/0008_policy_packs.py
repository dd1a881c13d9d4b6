"""Packs have versions and a life; decisions say which activation made them.

Revision ID: 0008_policy_packs
Revises: 0007_provenance
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008_policy_packs"
down_revision = "0007_provenance"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _text(name: str, length: int, *, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(length), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _yes(name: str) -> "sa.Column[Any]":
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    op.add_column("policy_decision", _text("activation_id", 36, nullable=True))
    op.add_column(
        "policy_decision",
        sa.Column("single_operator", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_policy_decision_created", "policy_decision", ["tenant_id", "created_at", "id"]
    )
    op.create_index("ix_policy_decision_supersedes", "policy_decision", ["supersedes"])
    _packs()
    _activations()
    _counts()


def _packs() -> None:
    op.create_table(
        "policy_pack",
        _text("id", 36),
        _text("tenant_id", 36),
        _text("name", 80),
        _text("content_hash", 64),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("summary", _JSON, nullable=False),
        _text("state", 20),
        _whole("version"),
        _text("author", 100),
        _text("proposed_by", 100, nullable=True),
        _text("approved_by", 100, nullable=True),
        _yes("single_operator"),
        _text("reason", 500, nullable=True),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "content_hash", name="uq_policy_pack_content"),
    )
    op.create_index("ix_policy_pack_created", "policy_pack", ["tenant_id", "created_at", "id"])


def _activations() -> None:
    op.create_table(
        "policy_activation",
        _text("id", 36),
        _text("tenant_id", 36),
        _text("pack_id", 36),
        _text("mode", 20),
        sa.Column("share", sa.Float(), nullable=False),
        _text("before_id", 36, nullable=True),
        _text("started_by", 100),
        _yes("single_operator"),
        sa.Column("stop_rate", sa.Float(), nullable=True),
        _whole("stop_minimum", nullable=True),
        _moment("started_at"),
        _moment("ended_at", nullable=True),
        _text("end_reason", 500, nullable=True),
        _yes("stopped"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_policy_activation_pack", "policy_activation", ["pack_id", "started_at"])
    op.create_table(
        "policy_rollout",
        _text("tenant_id", 36),
        _text("active_id", 36),
        _text("candidate_id", 36, nullable=True),
        sa.PrimaryKeyConstraint("tenant_id"),
    )


def _counts() -> None:
    op.create_table(
        "policy_comparison",
        _text("activation_id", 36),
        _text("decision_id", 36),
        _text("tenant_id", 36),
        _text("track_id", 36),
        _text("live", 20),
        _text("candidate", 20, nullable=True),
        sa.Column("only_live", _JSON, nullable=False),
        sa.Column("only_candidate", _JSON, nullable=False),
        _text("error", 500, nullable=True),
        _moment("at"),
        sa.PrimaryKeyConstraint("activation_id", "decision_id"),
    )
    op.create_index("ix_policy_comparison_tenant", "policy_comparison", ["tenant_id", "at"])
    op.create_table(
        "policy_comparison_tally",
        _text("activation_id", 36),
        _moment("hour"),
        *map(_whole, ("compared", "differing", "failed")),
        sa.PrimaryKeyConstraint("activation_id", "hour"),
    )
    op.create_table(
        "policy_rule_tally",
        _text("tenant_id", 36),
        _text("pack_id", 36),
        _text("rule", 80),
        _moment("hour"),
        _whole("fired"),
        _yes("alarmed"),
        sa.PrimaryKeyConstraint("tenant_id", "pack_id", "rule", "hour"),
    )
    op.create_index("ix_policy_rule_tally_hour", "policy_rule_tally", ["hour"])


def downgrade() -> None:
    for table in (
        "policy_rule_tally",
        "policy_comparison_tally",
        "policy_comparison",
        "policy_rollout",
        "policy_activation",
        "policy_pack",
    ):
        op.drop_table(table)
    op.drop_index("ix_policy_decision_supersedes", "policy_decision")
    op.drop_index("ix_policy_decision_created", "policy_decision")
    op.drop_column("policy_decision", "single_operator")
    op.drop_column("policy_decision", "activation_id")
