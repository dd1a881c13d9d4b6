"""Tracks with decisions, staff, accounts and a clock that tests move, for casework without audio."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import col, select

from scanner import deadlines, inline, keys
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.service import Service
from scanner.tables import Account, JournalRow, Letter, PolicyDecision, Track
from tests import rollouts


def at(service: Service, moment: datetime) -> None:
    """Stop the clock at a moment."""
    service.now = lambda: moment


def later(service: Service, **more: float) -> None:
    """Move the clock on, and let it do what is due."""
    moment = service.now() + timedelta(**more)
    at(service, moment)
    while deadlines.tick(service):
        pass


def account(service: Service, caller: Caller, name: str = "ana") -> Account:
    """Make an account."""
    made = Account(
        id=new_id(), tenant_id=caller.tenant_id, external_id=name, created_at=service.now()
    )
    with service.database.transaction() as session:
        session.add(made)
    return made


def decided_track(
    service: Service, caller: Caller, duration: float = 10, **columns: object
) -> Track:
    """Return a track that went through decision and release: clear with the default pack."""
    event = rollouts.analysed(service, caller, duration, **columns)
    return settled(service, event.subject)


def settled(service: Service, track_id: str) -> Track:
    """Let what is due happen to a track, and read it."""
    inline.drive(service, track_id)
    return track_of(service, track_id)


def track_of(service: Service, track_id: str) -> Track:
    """Read a track."""
    with service.database.reading() as session:
        return session.get_one(Track, track_id)


def decision_of(service: Service, track_id: str) -> PolicyDecision:
    """Read the decision that stands on a track."""
    with service.database.reading() as session:
        return session.get_one(PolicyDecision, track_of(service, track_id).decision_id)


def person(service: Service, caller: Caller, name: str, role: str = "reviewer") -> Caller:
    """Return a caller with a key of a new member of staff."""
    user, _ = keys.create_user(service, f"{name}@example.org", role, "a long password of theirs")
    return replace(caller, actor=Actor(user.id, role), user_id=user.id)


def events(service: Service, subject: str) -> list[JournalRow]:
    """What happened to something, in order."""
    with service.database.reading() as session:
        query = select(JournalRow).where(JournalRow.subject == subject)
        return list(session.exec(query.order_by(col(JournalRow.version))))


def letters(service: Service, **columns: object) -> list[Letter]:
    """What people were told, in order."""
    with service.database.reading() as session:
        query = select(Letter).filter_by(**columns)
        return list(session.exec(query.order_by(col(Letter.id))))
