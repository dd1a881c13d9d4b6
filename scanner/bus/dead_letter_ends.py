"""The end of dead letters that nobody replays: a person puts one away, or its age does.

The message goes; that there was one, of which event and stage, and why it ended, stays in the journal.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import setbacks
from scanner.bus import dead_letters
from scanner.errors import ConflictError
from scanner.events import Administered
from scanner.journal import PIPELINE, Actor, record
from scanner.privacy import sweeper
from scanner.tables import DeadLetter

if TYPE_CHECKING:
    from scanner.service import Service

CHORE: Final = "dead letters"
DROPPED: Final = "dead-letter.dropped"
BATCH: Final = 500
LONGEST_REASON: Final = 500


def drop(
    service: "Service", letter_id: str, tenant_id: str | None, reason: str, actor: Actor
) -> None:
    """Put a dead letter away for good.

    Raises
    ------
    NotFoundError
        If the tenant has no such letter.
    ConflictError
        If it was replayed, so that what became of it is elsewhere, or what it is about is held.
    """
    with service.database.transaction() as session:
        letter = dead_letters.find(session, letter_id, tenant_id, lock=True)
        if letter.state != "dead":
            raise ConflictError("the dead letter was replayed: it goes when its time is over")
        if letter.subject in sweeper.held_ids(session, service):
            raise ConflictError("what the dead letter is about is on legal hold")
        _end(service, session, letter, reason, actor)


def drop_old(service: "Service") -> int:
    """Put away what nobody replayed in ``CLEARANCE_DEAD_LETTER_DAYS``, but what is held; return how many were due."""
    before = service.now() - timedelta(days=service.settings.dead_letter_days)
    due = (
        DeadLetter.state == "dead",
        col(DeadLetter.tenant_id).is_not(None) | (DeadLetter.group != dead_letters.FOREIGN),
        col(DeadLetter.created_at) <= before,
        setbacks.ready(CHORE, DeadLetter.id, service.now()),
    )
    with service.database.reading() as session:
        held = sweeper.held_ids(session, service)
        free = col(DeadLetter.subject).is_(None) | col(DeadLetter.subject).not_in(held)
        query = select(DeadLetter.id).where(*due, free).order_by(col(DeadLetter.id)).limit(BATCH)
        found = session.exec(query).all()
    reason = f"nobody replayed it in {service.settings.dead_letter_days} days"
    return setbacks.each(service, CHORE, found, lambda each: _drop_due(service, each, reason))


def _drop_due(service: "Service", letter_id: str, reason: str) -> None:
    with service.database.transaction() as session:
        letter = session.get(DeadLetter, letter_id, with_for_update=True)
        if letter is not None and letter.state == "dead":  # another worker may have been first
            _end(service, session, letter, reason, PIPELINE)


def _end(
    service: "Service", session: Session, letter: DeadLetter, reason: str, actor: Actor
) -> None:
    record(
        session,
        tenant_id=letter.tenant_id,
        subject=letter.id,
        version=1,
        data=Administered(
            action=DROPPED,
            object_id=letter.id,
            detail={
                "stage": letter.group,
                "event": letter.event_id,
                "subject": letter.subject,
                "error": letter.error,
                "attempts": letter.attempts,
                "reason": reason[:LONGEST_REASON],
            },
        ),
        now=service.now(),
        actor=actor,
    )
    session.delete(letter)
