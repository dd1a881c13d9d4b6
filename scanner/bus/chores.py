"""What a worker does now and then, beside handling events. Each chore may run in many workers."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

import appeals
from scanner import webhooks
from scanner.clock import new_id
from scanner.events import CaseOpened
from scanner.journal import record
from scanner.metrics import DEAD_LETTERS, QUEUE_DEPTH, UNSEALED
from scanner.tables import Case, DeadLetter, JournalPending, Track

if TYPE_CHECKING:
    from scanner.service import Service

FOREIGN_KEPT: Final = timedelta(days=30)
FOREIGN_CAP: Final = 10_000
SWEEP_SECONDS: Final = 3600.0
SLOW_EVERY: Final = 60

log = structlog.get_logger()
_rounds = 0


def run_due(service: "Service") -> None:
    """Do what is due now; called about once a second."""
    global _rounds  # noqa: PLW0603 - counts this process's rounds, nothing depends on it
    webhooks.send_due(service)
    _measure(service)
    if _rounds % SLOW_EVERY == 0:
        open_overdue_cases(service)
        expire_foreign(service)
        service.store.sweep(SWEEP_SECONDS * 24, service.now())
    _rounds += 1


def open_overdue_cases(service: "Service") -> int:
    """Put dead letters of known tenants that nobody replayed before a person."""
    now = service.now()
    with service.database.transaction() as session:
        overdue = session.exec(
            select(DeadLetter)
            .where(DeadLetter.state == "dead", col(DeadLetter.case_due_at) <= now)
            .with_for_update()
        ).all()
        for letter in overdue:
            letter.case_due_at = None
            track = session.get(Track, letter.subject) if letter.subject else None
            if track is None or letter.tenant_id is None or _has_open_case(session, track.id):
                continue
            case = appeals.open_case(
                case_id=new_id(),
                tenant_id=letter.tenant_id,
                track_id=track.id,
                kind="dead_letter",
                reasons=[{"rule": "dead-letter", "text": f"{letter.error}: {letter.detail}"}],
                now=now,
            )
            case.version = 1
            session.add(case)
            record(
                session,
                tenant_id=letter.tenant_id,
                subject=case.id,
                version=1,
                data=CaseOpened(track_id=track.id, kind="dead_letter"),
                now=now,
            )
        return len(overdue)


def _has_open_case(session: Session, track_id: str) -> bool:
    """Tell whether a person looks at the track anyway; giving up on its stage opened a case."""
    query = select(Case.id).where(Case.track_id == track_id, col(Case.closed_at).is_(None))
    return session.exec(query.limit(1)).first() is not None


def expire_foreign(service: "Service") -> None:
    """Drop messages of nobody known: old ones, and the oldest beyond the cap."""
    with service.database.transaction() as session:
        nobodys = col(DeadLetter.tenant_id).is_(None)
        session.execute(
            delete(DeadLetter).where(
                nobodys, col(DeadLetter.created_at) < service.now() - FOREIGN_KEPT
            )
        )
        beyond = (
            select(DeadLetter.id)
            .where(nobodys)
            .order_by(col(DeadLetter.id).desc())
            .offset(FOREIGN_CAP)
        )
        session.execute(delete(DeadLetter).where(col(DeadLetter.id).in_(beyond)))


def _measure(service: "Service") -> None:
    for group in service.groups:
        QUEUE_DEPTH.labels(group.name).set(service.transport.depth(group.name))
    with service.database.reading() as session:
        UNSEALED.set(session.exec(select(func.count()).select_from(JournalPending)).one())
        DEAD_LETTERS.set(
            session.exec(
                select(func.count()).select_from(DeadLetter).where(DeadLetter.state == "dead")
            ).one()
        )
