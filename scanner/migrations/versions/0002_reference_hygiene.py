"""Banks, exclusions, quarantine, retro-matching and shared references.

Revision ID: 0002_reference_hygiene
Revises: 0001
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from scanner.clock import new_id

revision = "0002_reference_hygiene"
down_revision = "0001"
branch_labels = None
depends_on = None


def _json() -> sa.JSON:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bank",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("rollout", sa.Float(), nullable=False),
        sa.Column("peer_key", sa.String(64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name="uq_bank_tenant_name"),
    )
    with op.batch_alter_table("reference") as table:
        table.add_column(sa.Column("bank_id", sa.String(36), nullable=True))
        table.add_column(sa.Column("snoozed_until", _moment(), nullable=True))
        table.add_column(sa.Column("quarantined_for", sa.String(20), nullable=True))
        table.add_column(sa.Column("conflicts", _json(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("accepted_rate", sa.Float(), nullable=False, server_default="0"))
        table.add_column(sa.Column("peer_key", sa.String(64), nullable=True))
        table.add_column(sa.Column("origin_id", sa.String(100), nullable=True))
        table.add_column(sa.Column("opinion", sa.String(20), nullable=True))
    _put_into_default_banks()
    with op.batch_alter_table("reference") as table:
        table.alter_column("bank_id", existing_type=sa.String(36), nullable=False)
        table.alter_column("conflicts", existing_type=_json(), server_default=None)
        table.alter_column("accepted_rate", existing_type=sa.Float(), server_default=None)
        table.create_foreign_key("fk_reference_bank", "bank", ["bank_id"], ["id"])
        table.create_index("ix_reference_bank", ["bank_id", "status"])
        table.create_index("ix_reference_status", ["status", "snoozed_until"])
        table.create_index("ix_reference_peer", ["tenant_id", "peer_key", "origin_id"])
    op.create_table(
        "reference_exclusion",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("reference_id", sa.String(36), sa.ForeignKey("reference.id"), nullable=False),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("end_s", sa.Float(), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
    )
    op.create_index("ix_reference_exclusion_reference_id", "reference_exclusion", ["reference_id"])
    op.create_table(
        "reference_tally",
        sa.Column("reference_id", sa.String(36), primary_key=True),
        sa.Column("hour", _moment(), primary_key=True),
        sa.Column("matches", sa.Integer(), nullable=False),
    )
    op.create_table(
        "reference_opinion",
        sa.Column("reference_id", sa.String(36), sa.ForeignKey("reference.id"), primary_key=True),
        sa.Column("peer_key", sa.String(64), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("at", _moment(), nullable=False),
    )
    _retro_tables()
    # The default stays: SQLite would have to copy the table, and matches point at it.
    op.add_column(
        "analysis", sa.Column("banks_left_out", _json(), nullable=False, server_default="[]")
    )
    op.add_column("track_match", sa.Column("explained", _json(), nullable=True))
    with op.batch_alter_table("appeal_case") as table:
        table.alter_column("track_id", existing_type=sa.String(36), nullable=True)
        table.add_column(sa.Column("reference_id", sa.String(36), nullable=True))
        table.create_index("ix_appeal_case_reference_id", ["reference_id"])


def _put_into_default_banks() -> None:
    """Every reference that is there goes into its tenant's default bank."""
    connection = op.get_bind()
    now = datetime.now(UTC)
    bank = sa.table(
        "bank",
        *(sa.column(name) for name in ("id", "tenant_id", "name", "kind", "enabled", "rollout")),
        *(sa.column(name) for name in ("version",)),
        *(sa.column(name, _moment()) for name in ("created_at", "updated_at")),
    )
    reference = sa.table("reference", sa.column("tenant_id"), sa.column("bank_id"))
    for tenant_id in connection.scalars(sa.select(reference.c.tenant_id).distinct()).all():
        bank_id = new_id()
        connection.execute(
            bank.insert().values(
                id=bank_id,
                tenant_id=tenant_id,
                name="default",
                kind="rights",
                enabled=True,
                rollout=1.0,
                version=1,
                created_at=now,
                updated_at=now,
            )
        )
        connection.execute(
            reference.update().where(reference.c.tenant_id == tenant_id).values(bank_id=bank_id)
        )


def _retro_tables() -> None:
    op.create_table(
        "retro_due",
        sa.Column("reference_id", sa.String(36), sa.ForeignKey("reference.id"), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
    )
    op.create_index("ix_retro_due_tenant_id", "retro_due", ["tenant_id"])
    op.create_table(
        "retro_sweep",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reference_ids", _json(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.String(36), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment(), nullable=True),
    )
    op.create_index("ix_retro_sweep_open", "retro_sweep", ["tenant_id", "ended_at"])
    op.create_table(
        "retro_match",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant_id", sa.String(36), sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("track_id", sa.String(36), sa.ForeignKey("track.id"), nullable=False),
        sa.Column("reference_id", sa.String(36), sa.ForeignKey("reference.id"), nullable=False),
        sa.Column("analysis_id", sa.String(36), nullable=False),
        sa.Column("sweep_id", sa.String(36), nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("coverage_query", sa.Float(), nullable=False),
        sa.Column("coverage_reference", sa.Float(), nullable=False),
        sa.Column("segments", _json(), nullable=False),
        sa.Column("explained", _json(), nullable=True),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("case_id", sa.String(36), nullable=True),
        sa.Column("created_at", _moment(), nullable=False),
        sa.UniqueConstraint("track_id", "reference_id", name="uq_retro_match"),
    )
    op.create_index("ix_retro_match_reference", "retro_match", ["tenant_id", "reference_id"])


def downgrade() -> None:
    with op.batch_alter_table("appeal_case") as table:
        table.drop_index("ix_appeal_case_reference_id")
        table.drop_column("reference_id")
    op.execute("DELETE FROM appeal_case WHERE track_id IS NULL")
    with op.batch_alter_table("appeal_case") as table:
        table.alter_column("track_id", existing_type=sa.String(36), nullable=False)
    op.drop_column("track_match", "explained")
    op.drop_column("analysis", "banks_left_out")
    for name in ("retro_match", "retro_sweep", "retro_due"):
        op.drop_table(name)
    for name in ("reference_opinion", "reference_tally", "reference_exclusion"):
        op.drop_table(name)
    with op.batch_alter_table("reference") as table:
        for index in ("ix_reference_bank", "ix_reference_status", "ix_reference_peer"):
            table.drop_index(index)
        table.drop_constraint("fk_reference_bank", type_="foreignkey")
        for column in (
            "bank_id",
            "snoozed_until",
            "quarantined_for",
            "conflicts",
            "accepted_rate",
            "peer_key",
            "origin_id",
            "opinion",
        ):
            table.drop_column(column)
    op.drop_table("bank")
