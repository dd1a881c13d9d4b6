"""A flood counts different things, and keeps what it counted.

Revision ID: 0004_floods_by_content
Revises: 0003_exact_sweeps
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004_floods_by_content"
down_revision = "0003_exact_sweeps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference_sighting",
        sa.Column("reference_id", sa.String(36), primary_key=True),
        sa.Column("content", sa.String(64), primary_key=True),
        sa.Column("analysis_id", sa.String(36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_reference_sighting_at", "reference_sighting", ["at"])
    # The default stays: SQLite would have to copy the table, and much points at it.
    op.add_column(
        "reference", sa.Column("flood_rate", sa.Float(), nullable=False, server_default="0")
    )
    _keep_rates()


def _keep_rates() -> None:
    """Count for what is quarantined as a flood what was found in the day before."""
    moment = sa.DateTime(timezone=True)
    reference = sa.table(
        "reference",
        *(sa.column(name) for name in ("id", "quarantined_for", "flood_rate")),
        sa.column("updated_at", moment),
    )
    tally = sa.table(
        "reference_tally",
        *(sa.column(name) for name in ("reference_id", "matches")),
        sa.column("hour", moment),
    )
    connection = op.get_bind()
    flooded = sa.select(reference.c.id, reference.c.updated_at).where(
        reference.c.quarantined_for == "flood"
    )
    for reference_id, at in connection.execute(flooded).all():
        total = sa.select(sa.func.coalesce(sa.func.sum(tally.c.matches), 0)).where(
            tally.c.reference_id == reference_id,
            tally.c.hour > at - timedelta(days=1),
            tally.c.hour <= at,
        )
        connection.execute(
            reference.update()
            .where(reference.c.id == reference_id)
            .values(flood_rate=float(connection.scalar(total) or 0))
        )


def downgrade() -> None:
    op.drop_column("reference", "flood_rate")
    op.drop_table("reference_sighting")
