"""Holders that peers named are told apart by the peer's key.

Revision ID: 0005_holders_of_peers
Revises: 0004_floods_by_content
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from scanner.clock import new_id

revision = "0005_holders_of_peers"
down_revision = "0004_floods_by_content"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
HOLDER = sa.table(
    "holder",
    *(sa.column(name) for name in ("id", "tenant_id", "name", "named", "verified", "peer_key")),
    sa.column("created_at", _MOMENT),
)
REFERENCE = sa.table(
    "reference", *(sa.column(name) for name in ("id", "holder_id", "peer_key", "created_at"))
)

LICENCE = sa.table(
    "licence",
    *(sa.column(name) for name in ("id", "tenant_id", "holder_id", "account_id", "reference_id")),
    sa.column("territories", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
    *(sa.column(name, _MOMENT) for name in ("valid_from", "valid_to", "created_at")),
)


def upgrade() -> None:
    op.add_column("holder", sa.Column("peer_key", sa.String(64), nullable=True))
    connection = op.get_bind()
    pairs = connection.execute(
        sa.select(REFERENCE.c.holder_id, REFERENCE.c.peer_key)
        .group_by(REFERENCE.c.holder_id, REFERENCE.c.peer_key)
        .order_by(REFERENCE.c.holder_id, sa.func.min(REFERENCE.c.created_at))
    ).all()
    named_by: dict[str, list[str | None]] = {}
    for holder_id, peer_key in pairs:
        named_by.setdefault(holder_id, []).append(peer_key)
    for holder_id, peer_keys in named_by.items():
        # Whoever is known here keeps the holder; else the peer that named it first.
        own = None if None in peer_keys else peer_keys[0]
        connection.execute(HOLDER.update().where(HOLDER.c.id == holder_id).values(peer_key=own))
        for peer_key in peer_keys:
            if peer_key != own:
                _part(connection, holder_id, str(peer_key))


def _part(connection: sa.Connection, holder_id: str, peer_key: str) -> None:
    """Give what another peer shared under the same name a holder of its own, licensed as before."""
    row = connection.execute(sa.select(HOLDER).where(HOLDER.c.id == holder_id)).one()._asdict()
    parted = row | {"id": new_id(), "verified": False, "peer_key": peer_key}
    connection.execute(HOLDER.insert().values(parted))
    connection.execute(
        REFERENCE.update()
        .where(REFERENCE.c.holder_id == holder_id, REFERENCE.c.peer_key == peer_key)
        .values(holder_id=parted["id"])
    )
    own = sa.select(REFERENCE.c.id).where(REFERENCE.c.holder_id == parted["id"])
    covering = sa.select(LICENCE).where(
        LICENCE.c.holder_id == holder_id,
        sa.or_(LICENCE.c.reference_id.is_(None), LICENCE.c.reference_id.in_(own)),
    )
    for licence in connection.execute(covering).all():
        copied = licence._asdict() | {"id": new_id(), "holder_id": parted["id"]}
        connection.execute(LICENCE.insert().values(copied))


def downgrade() -> None:
    op.drop_column("holder", "peer_key")
