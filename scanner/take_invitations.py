"""Who may work on a project is asked first: invited, then accepted or declined by themselves alone.

Until they accept, somebody who is invited sees the invitation and nothing else, and is named to nobody but whose
project it is. Who declined is not asked by the same project again.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

import policy
from scanner import letters, people, recipients, take_credits, take_nodes, take_projects
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.database import Database
from scanner.errors import ConflictError, ForbiddenError, NotFoundError
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.people_events import InvitationChanged
from scanner.people_states import INVITATION_MOVES, InvitationMove, InvitationState, advance
from scanner.tables import (
    Account,
    Generation,
    Take,
    TakeContributor,
    TakeInvitation,
    TakeProject,
)
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

ANSWER_DAYS: Final = 14
"""How long somebody has to answer an invitation."""
MOST_OPEN: Final = 20
"""Invitations of one project that may wait for an answer."""
TITLE_LENGTH: Final = 80
TEMPLATE: Final = "project-invitation"


def invite(service: "Service", caller: Caller, take_id: str, account: str) -> TakeProject:
    """Ask an account to work on a take's project; once it is asked, or works on it, nothing happens.

    Raises
    ------
    ForbiddenError
        If it is not the caller's project, or the account may not work with others.
    GateClosedError
        If whose project it is may not publish: others would see what they make.
    ConflictError
        If it is the account whose project it is, it has declined, or too many are asked already.
    """
    with service.database.transaction() as session:
        take = take_nodes.find(session, caller, take_id)
        other = people.find(session, caller.tenant_id, account)
        _lock_accounts(session, take.project_id, other.id)
        project = take_projects.locked_own(session, caller, take)
        if other.id == project.account_id:
            raise ConflictError("it is this account's own project")
        if session.get(TakeContributor, (project.id, other.id)) is not None:
            return project
        row = _of(session, project.id, other.id)
        if row is not None and row.state == InvitationState.INVITED and not _is_over(service, row):
            return project
        _check(service, session, project, row, other)
        _ask(service, session, caller, project, row, other)
        return project


def accept(service: "Service", caller: Caller, invitation_id: str) -> TakeInvitation:
    """Work on the project from now on.

    Raises
    ------
    NotFoundError
        If the caller was not invited so.
    IllegalTransitionError
        If it was answered, withdrawn, or its time is over.
    GateClosedError
        If the account may not publish: a child needs a parent's consent to that.
    ConflictError
        If whose project it is may not publish any more.
    """
    with service.database.transaction() as session:
        row = _locked(service, session, caller, invitation_id)
        people.require_publishing(service, session, row.account_id)
        owner = session.get_one(TakeProject, row.project_id).account_id
        if owner is not None and not _may_meet_others(service, session, owner):
            raise ConflictError("nobody can join the project now")
        _move(service, session, row, InvitationMove.ACCEPT, caller.actor)
        Database.insert_if_absent(
            session,
            TakeContributor(
                project_id=row.project_id,
                account_id=row.account_id,
                tenant_id=row.tenant_id,
                added_at=service.now(),
            ),
        )
        project = session.get_one(TakeProject, row.project_id)
        take_projects.note_contributors(service, session, caller.actor, project)
        return row


def decline(service: "Service", caller: Caller, invitation_id: str) -> TakeInvitation:
    """Say no, for good; raises as `accept`, but asks no gate."""
    with service.database.transaction() as session:
        row = _locked(service, session, caller, invitation_id)
        _move(service, session, row, InvitationMove.DECLINE, caller.actor)
        return row


def end(service: "Service", caller: Caller, take_id: str, account: str) -> tuple[TakeProject, bool]:
    """Let an account work on a project no more, or ask it no longer; return the project and if it left by itself.

    Raises
    ------
    ForbiddenError
        If it is not the caller's project, and not the caller who leaves.
    ConflictError
        If it is the account whose project it is.
    """
    with service.database.transaction() as session:
        take = take_nodes.find(session, caller, take_id)
        other = people.find(session, caller.tenant_id, account)
        leaves = caller.account_id == other.id
        locked = take_projects.locked if leaves else take_projects.locked_own
        project = locked(session, caller, take)
        if other.id == project.account_id:
            raise ConflictError("it is this account's own project")
        _end(service, session, project, other.id, caller.actor)
        return project, leaves


def end_where_not_public(service: "Service", event: Event) -> None:
    """Let an account work with nobody once it may not publish; the hours of a day don't count."""
    account_id = event.data["account_id"]
    with service.database.transaction() as session:
        session.get_one(Account, account_id, with_for_update=True)
        if _may_meet_others(service, session, account_id):
            return
        for project_id, other_id in _ties(session, account_id):
            project = session.get_one(TakeProject, project_id, with_for_update=True)
            _end(service, session, project, other_id, PIPELINE, event)


def expire_due(service: "Service") -> int:
    """End the invitations that nobody answered in time; return how many."""
    overdue = (
        TakeInvitation.state == InvitationState.INVITED,
        col(TakeInvitation.expires_at) <= service.now(),
    )
    with service.database.transaction() as session:
        rows = session.exec(select(TakeInvitation).where(*overdue).with_for_update()).all()
        for row in rows:
            _move(service, session, row, InvitationMove.EXPIRE, PIPELINE)
        return len(rows)


def waiting(
    service: "Service", session: Session, caller: Caller, account_id: str | None = None
) -> list[TakeInvitation]:
    """Return the invitations that wait for an answer, newest first; a creator's are their own alone."""
    query = select(TakeInvitation).where(
        TakeInvitation.tenant_id == caller.tenant_id,
        TakeInvitation.state == InvitationState.INVITED,
        col(TakeInvitation.expires_at) > service.now(),
    )
    whose = caller.account_id or account_id
    if whose is not None:
        query = query.where(TakeInvitation.account_id == whose)
    return list(session.exec(query.order_by(col(TakeInvitation.created_at).desc()).limit(200)))


def invited(session: Session, caller: Caller, project: TakeProject) -> list[str]:
    """Return who is asked and has not answered: to whose project it is, and to the platform, alone."""
    if caller.account_id not in (None, project.account_id):
        return []
    query = select(TakeInvitation.account_id).where(
        TakeInvitation.project_id == project.id, TakeInvitation.state == InvitationState.INVITED
    )
    return sorted(take_credits.shown(session, session.exec(query).all()).values())


def describe(session: Session, row: TakeInvitation) -> dict[str, Any]:
    """Return an invitation as JSON: what of a project somebody sees who has not accepted."""
    project = session.get(TakeProject, row.project_id)
    owner = project.account_id if project else None
    names = take_credits.shown(session, [owner, row.account_id])
    return {
        "id": row.id,
        "state": row.state,
        "account": names.get(row.account_id),
        "project": _title(session, project) if project else "",
        "invited_by": names.get(owner),
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
    }


def _title(session: Session, project: TakeProject) -> str:
    """What whose project it is asked for first, since projects have no names."""
    query = (
        select(Generation.prompt)
        .join(Take, col(Take.generation_id) == col(Generation.id))
        .where(Take.project_id == project.id, col(Take.account_id) == project.account_id)
        .order_by(col(Take.created_at), col(Take.id))
    )
    prompt = session.exec(query).first() or ""
    return prompt if len(prompt) <= TITLE_LENGTH else prompt[: TITLE_LENGTH - 1] + "…"


def _of(session: Session, project_id: str, account_id: str) -> TakeInvitation | None:
    """Return the newest invitation of an account to a project; it is asked anew by another."""
    query = select(TakeInvitation).where(
        TakeInvitation.project_id == project_id, TakeInvitation.account_id == account_id
    )
    newest = query.order_by(col(TakeInvitation.created_at).desc(), col(TakeInvitation.id).desc())
    return session.exec(newest.with_for_update()).first()


def _is_over(service: "Service", row: TakeInvitation) -> bool:
    return row.expires_at <= service.now()


def _check(
    service: "Service",
    session: Session,
    project: TakeProject,
    row: TakeInvitation | None,
    other: Account,
) -> None:
    if row is not None and row.state == InvitationState.DECLINED:
        raise ConflictError("the account has declined: this project doesn't ask it again")
    people.require_publishing(service, session, project.account_id)
    if not _may_meet_others(service, session, other.id):  # says nothing of age or parents
        raise ForbiddenError("the account can't be asked: it may not work with others")
    open_ = (
        TakeInvitation.project_id == project.id,
        TakeInvitation.state == InvitationState.INVITED,
        col(TakeInvitation.expires_at) > service.now(),
    )
    if session.exec(select(func.count()).select_from(TakeInvitation).where(*open_)).one() >= MOST_OPEN:  # fmt: skip
        raise ConflictError(
            Told(
                "%(most)s are asked already: wait for answers, or ask some no more", most=MOST_OPEN
            )
        )


def _may_meet_others(service: "Service", session: Session, account_id: str) -> bool:
    """Whether nothing but the hours of a day keeps an account from publishing."""
    person = people.person_of(service, session, account_id)
    reasons = policy.gate("publish", person, service.now()).reasons
    return all(reason.rule == policy.HOURS for reason in reasons)


def _ask(
    service: "Service",
    session: Session,
    caller: Caller,
    project: TakeProject,
    before: TakeInvitation | None,
    other: Account,
) -> None:
    now = service.now()
    until = now + timedelta(days=ANSWER_DAYS)
    if before is not None and before.state == InvitationState.INVITED:  # no clock came by yet
        _move(service, session, before, InvitationMove.EXPIRE, PIPELINE)
    row = TakeInvitation(
        id=new_id(),
        tenant_id=project.tenant_id,
        project_id=project.id,
        account_id=other.id,
        state=InvitationState.INVITED,
        created_at=now,
        expires_at=until,
    )
    session.add(row)
    _note(service, session, row, caller.actor)
    if before is not None and not _is_over(service, before):
        return  # asked, asked no more and asked anew: one letter is enough for these days
    # Neither who asks nor what for: they may be erased while the letter stays.
    letters.write(
        session,
        recipients.account(service, session, other.id),
        TEMPLATE,
        {"until": f"{until:%Y-%m-%d}"},
        tenant_id=project.tenant_id,
        now=now,
        actor=caller.actor,
    )


def _locked(
    service: "Service", session: Session, caller: Caller, invitation_id: str
) -> TakeInvitation:
    """Lock an invitation for its answer, after both accounts, whose consents may change meanwhile, and its project."""
    row = session.get(TakeInvitation, invitation_id)
    if (
        row is None
        or row.tenant_id != caller.tenant_id
        or caller.account_id not in (None, row.account_id)
    ):
        raise NotFoundError("invitation", "of this id")
    people.require_own_name(caller, row.account_id)
    _lock_accounts(session, row.project_id, row.account_id)
    if session.get(TakeProject, row.project_id, with_for_update=True) is None:
        raise NotFoundError("invitation", "of this id")
    session.refresh(row, with_for_update=True)
    if row.state == InvitationState.INVITED and _is_over(service, row):
        _move(service, session, row, InvitationMove.EXPIRE, PIPELINE)
    return row


def _lock_accounts(session: Session, project_id: str, account_id: str) -> None:
    """Lock an account and that whose project it is, by their ids: the order of all who lock two."""
    owner = select(TakeProject.account_id).where(TakeProject.id == project_id)
    query = select(Account).where((col(Account.id) == account_id) | col(Account.id).in_(owner))
    session.exec(query.order_by(col(Account.id)).with_for_update()).all()


def _ties(session: Session, account_id: str) -> Sequence[tuple[str, str]]:
    """Return projects and those who work on them, or are asked to: an account, and others on its own."""
    own = select(TakeProject.id).where(TakeProject.account_id == account_id)
    open_ = TakeInvitation.state == InvitationState.INVITED
    found: set[tuple[str, str]] = set()
    for row, also in ((TakeContributor, ()), (TakeInvitation, (open_,))):
        query = select(row.project_id, row.account_id).where(
            (col(row.account_id) == account_id) | col(row.project_id).in_(own), *also
        )
        found |= set(session.exec(query).all())
    return sorted(found)


def _end(
    service: "Service",
    session: Session,
    project: TakeProject,
    account_id: str,
    actor: Actor,
    cause: Event | None = None,
) -> None:
    row = _of(session, project.id, account_id)
    works = session.get(TakeContributor, (project.id, account_id))
    if works is not None:
        session.delete(works)
        session.flush()
        take_projects.note_contributors(service, session, actor, project, cause)
    if row is not None and row.state == InvitationState.INVITED:
        _move(service, session, row, InvitationMove.WITHDRAW, actor, cause)
    elif row is not None and row.state == InvitationState.ACCEPTED:
        _move(service, session, row, InvitationMove.END, actor, cause)


def _move(
    service: "Service",
    session: Session,
    row: TakeInvitation,
    move: InvitationMove,
    actor: Actor,
    cause: Event | None = None,
) -> None:
    row.state = advance(INVITATION_MOVES, InvitationState(row.state), move, "an invitation")
    if row.state not in {InvitationState.INVITED, InvitationState.ACCEPTED}:
        row.ended_at = service.now()
    _note(service, session, row, actor, cause)


def _note(
    service: "Service",
    session: Session,
    row: TakeInvitation,
    actor: Actor,
    cause: Event | None = None,
) -> None:
    row.version += 1
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=InvitationChanged(state=row.state, project_id=row.project_id),
        now=service.now(),
        actor=actor,
        person=people.person_key(row.account_id),
        cause=cause,
    )
