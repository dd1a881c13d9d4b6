"""Takes cases from the queue that nobody needs to look at any more, since what they ask was settled elsewhere."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import update
from sqlmodel import Session, col, select

from scanner import deadlines
from scanner.events import CaseClosed
from scanner.journal import Actor, record
from scanner.tables import Case, CaseVerdict

WAITING: Final = ("standing", "in_doubt")
"""States of a verdict that waits for its effect."""
MOOT: Final = "moot"
"""State of a verdict whose case was closed before it took effect."""


def close(
    session: Session,
    *about: Any,
    reason: str,
    now: datetime,
    actor: Actor,
    decided_by: str | None = None,
) -> None:
    """Close the open cases for which all conditions of ``about`` hold; no verdict on them takes effect.

    Parameters
    ----------
    decided_by : str, optional
        Id of whoever settled it, and so may not decide the case if it is opened again.
    """
    query = select(Case).where(*about, col(Case.closed_at).is_(None)).order_by(col(Case.id))
    for case in session.exec(query.with_for_update()).all():
        case.state, case.since, case.closed_at = "closed", now, now
        case.holder = case.due_at = None
        if decided_by is not None:
            case.deciders = sorted({*case.deciders, decided_by})
        case.version += 1
        waiting = col(CaseVerdict.state).in_(WAITING)
        session.execute(
            update(CaseVerdict)
            .where(col(CaseVerdict.case_id) == case.id, waiting)
            .values(state=MOOT)
        )
        deadlines.end(session, case, now)
        record(
            session,
            tenant_id=case.tenant_id,
            subject=case.id,
            version=case.version,
            data=CaseClosed(track_id=case.track_id, reference_id=case.reference_id, reason=reason),
            now=now,
            actor=actor,
        )
