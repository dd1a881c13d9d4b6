"""What happens to a reference, written down in the transaction that makes it so."""

from datetime import datetime

from sqlmodel import Session

from scanner.events import EventData
from scanner.journal import Actor, record
from scanner.tables import Reference


def record_change(
    session: Session, reference: Reference, data: EventData, now: datetime, actor: Actor
) -> None:
    """Write down what happened to a reference that is locked or new."""
    reference.version += 1
    reference.updated_at = now
    record(
        session,
        tenant_id=reference.tenant_id,
        subject=reference.id,
        version=reference.version,
        data=data,
        now=now,
        actor=actor,
    )
