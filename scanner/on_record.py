"""What is on record about references that were found: holder, bank, excluded parts."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, select

from scanner.tables import Bank, Holder, Reference, ReferenceExclusion


@dataclass(frozen=True)
class OnRecord:
    """One reference with all that a match with it is judged by.

    Parameters
    ----------
    excluded : tuple of (start, end)
        Seconds of it that its holder does not own.
    """

    reference: Reference
    holder: Holder
    bank: Bank
    excluded: tuple[tuple[float, float], ...]


def on_record(session: Session, tenant_id: str, ids: Collection[str]) -> dict[str, OnRecord]:
    """Return a tenant's references by id; one that is another's, or unknown, is left out."""
    excluded: dict[str, list[tuple[float, float]]] = {}
    parts = select(ReferenceExclusion).where(col(ReferenceExclusion.reference_id).in_(ids))
    for part in session.exec(parts):
        excluded.setdefault(part.reference_id, []).append((part.start_s, part.end_s))
    rows = session.exec(
        select(Reference, Holder, Bank)
        .join(Holder, col(Holder.id) == col(Reference.holder_id))
        .join(Bank, col(Bank.id) == col(Reference.bank_id))
        .where(Reference.tenant_id == tenant_id, col(Reference.id).in_(ids))
    )
    return {
        reference.id: OnRecord(reference, holder, bank, tuple(excluded.get(reference.id, ())))
        for reference, holder, bank in rows
    }
