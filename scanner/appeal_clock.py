"""What the clock does to appeals: a silent holder's claim is released, a window that is over closes."""

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from scanner import appeal_letters, appeal_reversals, dispute_appeals, matters
from scanner.tables import Appeal, Dispute

if TYPE_CHECKING:
    from scanner.service import Service


def release_silent(service: "Service", session: Session, dispute: Dispute) -> None:
    """Release a claim whose holder did not speak within seven days of the appeal (DSM-17-9)."""
    query = select(Appeal).where(
        Appeal.subject_kind == "dispute",
        Appeal.subject_id == dispute.id,
        col(Appeal.state).in_(dispute_appeals.PENDING),
    )
    appeal = session.exec(query.with_for_update()).first()
    matters.move(service, session, dispute, "lapse", matters.CLOCK)
    appeal_reversals.release_lapsed(service, session, dispute, appeal)
    if appeal is not None:
        ground = "the holder did not speak, so the claim was released"
        matters.move(service, session, appeal, "settle", matters.CLOCK, parts={"ground": ground})
        appeal.outcome, appeal.outcome_kind = ground, "granted"
        appeal_letters.tell_outcome(service, session, appeal)


def close(service: "Service", session: Session, appeal: Appeal) -> None:
    """Close an appeal whose time to go out of court is over."""
    matters.move(service, session, appeal, "close", matters.CLOCK)
