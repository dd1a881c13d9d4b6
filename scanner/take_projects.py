"""What is done with takes that are made: shared, chosen, worked on together."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

import policy
from scanner import idempotency, people, take_credits, take_nodes
from scanner.callers import Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.people_events import ProjectChanged, TakeShared
from scanner.tables import Account, Take, TakeContributor, TakeProject

if TYPE_CHECKING:
    from scanner.service import Service


def share(
    service: "Service",
    caller: Caller,
    take_id: str,
    *,
    shared: bool,
    expected_version: int | None = None,
) -> Take:
    """Let others of the platform hear and fork a take, or no more; forks that are there stay.

    Raises
    ------
    NotFoundError, ForbiddenError
        If it is not the caller's to share.
    GateClosedError
        If its maker may not publish: to share is to make public to others.
    """
    now = service.now()
    with service.database.transaction() as session:
        account_id = take_nodes.owned(session, caller, take_id).account_id
        if account_id is not None:  # whoever takes a consent back holds this lock
            session.get_one(Account, account_id, with_for_update=True)
        take = session.get_one(Take, take_id, with_for_update=True, populate_existing=True)
        idempotency.check_version(take.version, expected_version)
        if shared:
            people.require_publishing(service, session, take.account_id)
        if (take.shared_at is not None) is shared:
            return take
        take.shared_at = now if shared else None
        _note_shared(session, take, now, caller.actor)
        return take


def unshare_where_not_public(service: "Service", event: Event) -> None:
    """Share an account's takes no more once it may not publish; the hours of a day don't count."""
    account_id, now = event.data["account_id"], service.now()
    with service.database.transaction() as session:
        session.get_one(Account, account_id, with_for_update=True)
        person = people.person_of(service, session, account_id)
        reasons = policy.gate("publish", person, now).reasons
        if all(reason.rule == policy.HOURS for reason in reasons):
            return
        shared = select(Take).where(Take.account_id == account_id, col(Take.shared_at).is_not(None))
        for take in session.exec(shared.order_by(col(Take.id)).with_for_update()):
            take.shared_at = None
            _note_shared(session, take, now, PIPELINE, event)


def go_on_from(service: "Service", caller: Caller, take_id: str) -> TakeProject:
    """Make a take the one that its project goes on from: also an earlier one, nothing is lost."""
    with service.database.transaction() as session:
        take = take_nodes.find(session, caller, take_id)
        project = locked(session, caller, take)
        if project.current_take_id != take.id:
            project.current_take_id = take.id
            _note(service, session, caller.actor, project, "current")
        return project


def contributors(session: Session, project_id: str) -> list[str]:
    """Return who may work on a project beside its maker, by the platform's names."""
    query = select(TakeContributor.account_id).where(TakeContributor.project_id == project_id)
    known = session.exec(query).all()
    return sorted(take_credits.shown(session, known).values())


def locked_own(session: Session, caller: Caller, take: Take) -> TakeProject:
    """Return a take's project, locked; raises ``ForbiddenError`` for who works on it and does not own it."""
    project = locked(session, caller, take)
    if caller.account_id not in (None, project.account_id):
        raise ForbiddenError("only whose project it is says who works on it")
    return project


def locked(session: Session, caller: Caller, take: Take) -> TakeProject:
    """Return a take's project, locked, for somebody who works on it."""
    project = session.get(TakeProject, take.project_id, with_for_update=True)
    if project is None:
        raise NotFoundError("project", "of this take: it was erased")
    if caller.account_id is not None and not take_nodes.works_on(
        session, project.id, caller.account_id
    ):
        raise ForbiddenError("only who works on the project does this: fork the take instead")
    people.require_own_name(caller, project.account_id)
    return project


def _note_shared(
    session: Session, take: Take, now: datetime, actor: Actor, cause: Event | None = None
) -> None:
    take.version += 1
    session.flush()
    record(
        session,
        tenant_id=take.tenant_id,
        subject=take.id,
        version=take.version,
        data=TakeShared(shared=take.shared_at is not None, track_id=take.track_id),
        now=now,
        actor=actor,
        person=people.person_key(take.account_id),
        cause=cause,
    )


def note_contributors(
    service: "Service",
    session: Session,
    actor: Actor,
    project: TakeProject,
    cause: Event | None = None,
) -> None:
    """Write down that others work on a project, which is locked, than before."""
    _note(service, session, actor, project, "contributors", cause)


def _note(
    service: "Service",
    session: Session,
    actor: Actor,
    project: TakeProject,
    changed: str,
    cause: Event | None = None,
) -> None:
    project.version += 1
    project.updated_at = service.now()
    session.flush()
    record(
        session,
        tenant_id=project.tenant_id,
        subject=project.id,
        version=project.version,
        data=ProjectChanged(changed=[changed], current_take_id=project.current_take_id),
        now=project.updated_at,
        actor=actor,
        person=people.person_key(project.account_id),
        cause=cause,
    )
