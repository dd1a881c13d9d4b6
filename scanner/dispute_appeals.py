"""What becomes of a dispute whose appeal ends, and of an appeal whose dispute ends (DSA-20, DSM-17-9)."""

from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import appeal_letters, complaint_windows, matters
from scanner.tables import Appeal, Dispute

if TYPE_CHECKING:
    from scanner.service import Service

PENDING: Final = ("filed", "assigned", "questions")
"""States of an appeal that nobody has decided."""


def close(service: "Service", session: Session, appeal: Appeal) -> None:
    """Close the dispute of an appeal that was denied, or granted in part: nobody answers in it any more."""
    _move(service, session, appeal, "close")


def reopen(service: "Service", session: Session, appeal: Appeal) -> None:
    """Bring a dispute back to where it was before its appeal; the six months are those that began then."""
    _move(service, session, appeal, "reopen")


def lapse(service: "Service", session: Session, dispute: Dispute) -> None:
    """Close a dispute that nobody appealed in time."""
    if complaint_windows.keep_open(service, session, dispute):
        return
    matters.move(service, session, dispute, "close", matters.CLOCK)


def settle(service: "Service", session: Session, dispute: Dispute, ground: str) -> None:
    """End the pending appeal about a dispute whose claim ended: the creator has what they asked for."""
    query = select(Appeal).where(
        Appeal.subject_kind == Dispute.KIND,
        Appeal.subject_id == dispute.id,
        col(Appeal.state).in_(PENDING),
    )
    for appeal in session.exec(query.with_for_update()).all():
        matters.move(service, session, appeal, "settle", matters.CLOCK, parts={"ground": ground})
        appeal.outcome, appeal.outcome_kind = ground, "granted"
        appeal_letters.tell_outcome(service, session, appeal)


def _move(service: "Service", session: Session, appeal: Appeal, action: str) -> None:
    if appeal.subject_kind != Dispute.KIND:
        return
    dispute = matters.locked(session, Dispute, appeal.tenant_id, appeal.subject_id)
    if dispute.state != "appealed":
        return
    until = appeal.window_until if action == "reopen" else None
    left = until - service.now() if until is not None else None
    parts, detail = {"appeal": appeal.id}, {"appeal_id": appeal.id}
    matters.move(
        service, session, dispute, action, matters.CLOCK, parts=parts, detail=detail, lasts=left
    )
