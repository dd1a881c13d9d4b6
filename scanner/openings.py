"""Puts new cases into the queue, and into the journal."""

from sqlmodel import Session

from appeals import Case
from scanner.events import CaseOpened
from scanner.journal import PIPELINE, Actor, Event, record


def enqueue(
    session: Session, case: Case, *, actor: Actor = PIPELINE, cause: Event | None = None
) -> Case:
    """Keep a case that was just opened, and record that it was.

    Parameters
    ----------
    case : Case
        As :func:`appeals.open_case` gives it.
    actor : Actor
        Who asks for a person.
    cause : Event, optional
        What it comes of.
    """
    case.version = 1
    session.add(case)
    session.flush()
    opened = CaseOpened(
        track_id=case.track_id,
        reference_id=case.reference_id,
        kind=case.kind,
        decision_id=case.decision_id,
    )
    record(
        session,
        tenant_id=case.tenant_id,
        subject=case.id,
        version=case.version,
        data=opened,
        now=case.opened_at,
        actor=actor,
        cause=cause,
    )
    return case
