"""How often a rights holder's contested claims were right: shown to both sides, for many holders in one query."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import case
from sqlmodel import Session, and_, col, func, or_, select

from scanner.tables import Appeal, Claim, Dispute, Notice, NoticeTrack

CONTESTED: Final = ("dispute", "silence", "appeal", "person", "notice")
"""Grounds on which a claim that was contested was found wrong."""
Precision = tuple[float | None, int]
"""Which share of the contested claims was right, and how many were decided; None before the first."""


def of(session: Session, holder_id: str) -> Precision:
    """Return a holder's precision."""
    return of_all(session, [holder_id])[holder_id]


def of_all(session: Session, holder_ids: Collection[str]) -> Mapping[str, Precision]:
    """Return the precision of each of some holders.

    Right is what somebody else found right: an officer who denied the appeal, or acted on the notice that the
    claim became. What a holder says of their own claim counts only where they let it go: one that they uphold,
    and nobody appealed, is not decided.
    """
    right = func.sum(case((_right(), 1), else_=0))
    wrong = func.sum(case((_wrong(), 1), else_=0))
    query = (
        select(Claim.holder_id, right, wrong)
        .where(
            col(Claim.holder_id).in_(set(holder_ids)),
            col(Claim.state).in_(("released", "upheld", "escalated")),
        )
        .group_by(col(Claim.holder_id))
    )
    counts = {holder_id: (int(stood), int(fell)) for holder_id, stood, fell in session.exec(query)}
    return {each: _share(*counts.get(each, (0, 0))) for each in holder_ids}


def _share(right: int, wrong: int) -> Precision:
    decided = right + wrong
    return (right / decided if decided else None), decided


def _wrong() -> Any:
    return and_(col(Claim.state) == "released", col(Claim.ground).in_(CONTESTED))


def _right() -> Any:
    denied = (
        select(Appeal.id)
        .join(Dispute, col(Dispute.id) == col(Appeal.subject_id))
        .where(
            Appeal.subject_kind == Dispute.KIND,
            Appeal.outcome_kind == "denied",
            Dispute.claim_id == Claim.id,
        )
    )
    acted_on = (
        select(NoticeTrack.notice_id)
        .join(Notice, col(Notice.id) == col(NoticeTrack.notice_id))
        .where(
            NoticeTrack.track_id == Claim.track_id,
            NoticeTrack.state == "actioned",
            Notice.holder_id == Claim.holder_id,
            Notice.reference_id == Claim.reference_id,
        )
    )
    return or_(
        and_(col(Claim.state) == "upheld", denied.exists()),
        and_(col(Claim.state) == "escalated", acted_on.exists()),
    )
