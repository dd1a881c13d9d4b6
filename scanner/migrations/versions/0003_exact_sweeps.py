"""A sweep over stored tracks ends at the last track that there was when it began.

Revision ID: 0003_exact_sweeps
Revises: 0002_reference_hygiene
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_exact_sweeps"
down_revision = "0002_reference_hygiene"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("retro_sweep", sa.Column("last_track_id", sa.String(36), nullable=True))
    op.execute(
        "UPDATE retro_sweep SET last_track_id = coalesce("
        "(SELECT max(track.id) FROM track WHERE track.tenant_id = retro_sweep.tenant_id), '')"
    )
    with op.batch_alter_table("retro_sweep") as table:
        table.alter_column("last_track_id", existing_type=sa.String(36), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("retro_sweep") as table:
        table.drop_column("last_track_id")
