"""What people do with cases before they decide: take, renew, give back, pass up, ask, note, reopen.

What they decide is in `scanner/verdicts.py`.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from sqlmodel import Session, col, select

import appeals
from appeals.machines.case import LEASE, State
from scanner import matters, parties, queues, setbacks, track_states
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.tables import Case, CaseNote, Track, User
from scanner.tracks import locked as locked_track
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

TO_AFFECTED: Final = frozenset({"question", "answer"})
"""Notes that whom the case affects reads as well."""
REOPENED: Final = "new_facts"
"""Kind of the note that says why a closed case was opened again."""
OVER: Final = {State.LEASED: "expire", State.WAITING_INFO: "go_on"}
BATCH: Final = 100

log = structlog.get_logger()


def lease(service: "Service", caller: Caller, case_id: str) -> Case:
    """Take a case, or hold it for longer.

    Raises
    ------
    appeals.IllegalTransitionError
        If somebody else holds it, or this reviewer decided on it before (DSA-20).
    ForbiddenError
        If the reviewer's role or skills don't cover it.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        return take(service, session, case, actor)


def lease_next(service: "Service", caller: Caller, kind: str | None = None) -> Case | None:
    """Take the most pressing case that this reviewer may take; None if there is none."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = queues.first(session, actor, caller.tenant_id, service.now(), kind)
        return None if case is None else take(service, session, case, actor)


def take(service: "Service", session: Session, case: Case, actor: appeals.Actor) -> Case:
    """Take a locked case, or hold it for longer; a lease that ran out is nobody's."""
    queues.check_skills(session, actor, case)
    if case.state == State.LEASED:
        if case.due_at is not None and case.due_at <= service.now():
            matters.move(service, session, case, "expire", matters.CLOCK)
        elif case.holder == actor.id:
            matters.move(service, session, case, "renew", actor)
            return case
    matters.move(service, session, case, "lease", actor)
    return case


def touch(service: "Service", session: Session, case: Case, actor: appeals.Actor) -> None:
    """Hold a locked case for longer, since its holder is at work; half a lease is left at least."""
    if case.state != State.LEASED or case.holder != actor.id or case.due_at is None:
        return
    left = case.due_at - service.now()
    if timedelta(0) < left < LEASE / 2:
        matters.move(service, session, case, "renew", actor)


def release(service: "Service", caller: Caller, case_id: str) -> Case:
    """Give a case back."""
    return _moved(service, caller, case_id, "release")


def escalate(service: "Service", caller: Caller, case_id: str, note: str) -> Case:
    """Pass a case up to an appeals officer."""
    return _moved(service, caller, case_id, "escalate", note=("escalation", note))


def ask(service: "Service", caller: Caller, case_id: str, question: str) -> Case:
    """Ask whom the case affects; it waits for their answer, a week at most."""
    return _moved(service, caller, case_id, "ask", question=("question", question))


def answer(service: "Service", caller: Caller, case_id: str, text: str) -> Case:
    """Answer what was asked, as whom the case affects or as their platform.

    Raises
    ------
    NotFoundError
        If the case is about no track of theirs.
    """
    with service.database.reading() as session:
        track_id = matters.find(session, Case, caller.tenant_id, case_id).track_id
    if track_id is None:
        raise NotFoundError("case", "of this id that asks you something")
    with service.database.transaction() as session:
        track = locked_track(session, caller.tenant_id, track_id)
        actor = parties.affected(session, caller, track)
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        matters.move(service, session, case, "answer", actor, parts={"answer": text})
        _note(service, session, case, actor, "answer", text)
        return case


def note(service: "Service", caller: Caller, case_id: str, text: str) -> CaseNote:
    """Write an internal note."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        touch(service, session, case, actor)
        return _note(service, session, case, actor, "note", text)


def reopen(service: "Service", caller: Caller, case_id: str, new_facts: str) -> Case:
    """Put a closed case into the queue again, on new facts; who decided it may not decide it again.

    Raises
    ------
    IllegalTransitionError
        If no verdict could take effect: its track is withdrawn, or its matter was decided with it.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        _check_undecided(session, case)
        matters.move(service, session, case, "reopen", actor, parts={"new_facts": new_facts})
        _note(service, session, case, actor, REOPENED, new_facts)
        case.closed_at = case.reach = case.appointed = None
        case.passed_up = False
        matters.move(service, session, case, "queue", matters.CLOCK)
        return case


def notes(session: Session, case: Case) -> list[CaseNote]:
    """Return what was said of a case, in order."""
    query = select(CaseNote).where(CaseNote.case_id == case.id)
    return list(session.exec(query.order_by(col(CaseNote.id))))


def expire_due(service: "Service") -> int:
    """Queue cases again whose lease ran out, or to whose question nobody answered."""
    with service.database.reading() as session:
        due = session.exec(
            select(Case.id)
            .where(
                col(Case.state).in_(OVER),
                col(Case.due_at) <= service.now(),
                setbacks.ready("case-expiry", col(Case.id), service.now()),
            )
            .order_by(col(Case.due_at))
            .limit(BATCH)
        ).all()

    def act(case_id: str) -> None:
        with service.database.transaction() as session:
            case = session.get_one(Case, case_id, with_for_update=True, populate_existing=True)
            over = case.due_at is not None and case.due_at <= service.now()
            if over and case.state in OVER:
                matters.move(service, session, case, OVER[State(case.state)], matters.CLOCK)

    return setbacks.each(service, "case-expiry", due, act)


def set_skills(service: "Service", email: str, skills: list[str], languages: list[str]) -> User:
    """Say which kinds and rights a member of staff is for, and which languages they read; none: all."""
    with service.database.transaction() as session:
        user = session.exec(select(User).where(User.email == email).with_for_update()).first()
        if user is None:
            raise NotFoundError("login", email)
        user.skills, user.languages = sorted(set(skills)), sorted(set(languages))
        return user


def _check_undecided(session: Session, case: Case) -> None:
    if case.matter_kind not in {None, "claim"}:
        raise IllegalTransitionError(
            Told(
                "the %(matter_kind)s of this case has a life of its own: decide on it "
                "there, or by an appeal",
                matter_kind=case.matter_kind,
            )
        )
    track = session.get(Track, case.track_id) if case.track_id else None
    if track is not None and track.state == track_states.State.WITHDRAWN:
        raise IllegalTransitionError(
            "the track of this case is withdrawn: nothing is left to decide"
        )


def _moved(
    service: "Service", caller: Caller, case_id: str, action: str, **said: tuple[str, str]
) -> Case:
    """Move a case with what is said by it: part of the command -> kind of note, and its text."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        parts = {name: text for name, (_, text) in said.items()}
        matters.move(service, session, case, action, actor, parts=parts)
        for kind, text in said.values():
            _note(service, session, case, actor, kind, text)
        return case


def _note(
    service: "Service", session: Session, case: Case, actor: appeals.Actor, kind: str, text: str
) -> CaseNote:
    row = CaseNote(
        id=new_id(),
        tenant_id=case.tenant_id,
        case_id=case.id,
        author_id=actor.id,
        role=actor.role,
        kind=kind,
        text=text,
        created_at=service.now(),
    )
    session.add(row)
    session.flush()
    return row
