"""Who holds the rights in references."""

from datetime import datetime

from sqlmodel import Session, col, select

from scanner.catalogue import note_names
from scanner.clock import new_id
from scanner.tables import Holder


def known(
    session: Session, tenant_id: str, name: str | None, peer_key: str | None = None
) -> str | None:
    """Return the id of the holder that somebody named so, or None.

    Whom a peer names is told apart by the peer's key: it is nobody here, and whom another peer names
    is somebody else, whatever they call themselves.
    """
    if name is None:
        return None
    return session.exec(
        select(Holder.id).where(
            Holder.tenant_id == tenant_id,
            Holder.name == name,
            Holder.peer_key == peer_key,
            col(Holder.named),
        )
    ).first()


def ensured(
    session: Session,
    tenant_id: str,
    name: str | None,
    title: str,
    now: datetime,
    peer_key: str | None = None,
) -> str:
    """Return the id of the holder of this name; without a name, of a new one for one reference."""
    if (holder_id := known(session, tenant_id, name, peer_key)) is not None:
        return holder_id
    holder = Holder(
        id=new_id(),
        tenant_id=tenant_id,
        name=(name or f"Holder of {title}")[:200],
        named=name is not None,
        peer_key=peer_key,
        created_at=now,
    )
    session.add(holder)
    session.flush()
    if holder.named:
        note_names(session, tenant_id)
    return holder.id
