"""Cases that nobody on the staff may decide, and whom an administrator appoints to one of them.

Who decided a case may not decide it again. In a small team that can leave nobody: such a case is found, told
(a note on it, a letter to the administrators, ``clearance_cases_nobody_may_take``) and waits. An administrator
then adds somebody, or appoints one of those who decided before. Never where two people must agree
(`second_reviews.FOUR_EYES`), and never for an appeal (DSA-20): those are no cases, and know no appointment.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import Text, and_, cast
from sqlmodel import Session, col, or_, select

import appeals
from appeals.machines.case import State
from appeals.roles import ADMIN, SENIOR, STAFF, Role
from scanner import letters, matters, queues, second_reviews
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ForbiddenError, NotFoundError
from scanner.letters import Recipient
from scanner.metrics import CASES_FOR_NOBODY
from scanner.tables import Case, CaseNote, User
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

TEMPLATE: Final = "case-for-nobody"
BATCH: Final = 500
"""Cases that are looked at at once."""
NOTE: Final = "nobody_left"
"""Kind of the note on a case that nobody may decide."""

log = structlog.get_logger()


def may_take(session: Session, case: Case) -> list[User]:
    """Return the members of staff who may decide an open case, at work or not; no login that is out of use."""
    return [user for user in _staff(session) if _may(user, case)]


def watch(service: "Service") -> int:
    """Find the cases that nobody may decide, and tell of each once; return how many there are."""
    stuck: list[str] = []
    after = ""
    while batch := _batch(service, after):
        with service.database.reading() as session:
            staff = _staff(session)
        stuck += [case.id for case in batch if not any(_may(user, case) for user in staff)]
        after = batch[-1].id
    CASES_FOR_NOBODY.set(len(stuck))
    for case_id in stuck:
        with service.database.transaction() as session:
            case = session.get_one(Case, case_id, with_for_update=True, populate_existing=True)
            if case.closed_at is None and not _was_told(session, case):
                _tell(service, session, case)
    return len(stuck)


def _batch(service: "Service", after: str) -> Sequence[Case]:
    """Return the next cases that nobody may be left for, by id: never all of them in memory at once."""
    query = select(Case).where(*_narrow(), Case.id > after).order_by(col(Case.id)).limit(BATCH)
    with service.database.reading() as session:
        return session.exec(query).all()


def appoint(service: "Service", caller: Caller, case_id: str, email: str, reason: str) -> Case:
    """Let somebody decide a case although they decided it before, since nobody else is left.

    Raises
    ------
    ForbiddenError
        If the caller is no administrator, or two people must agree on such a case.
    NotFoundError
        If there is no such case, or no such member of staff.
    appeals.IllegalTransitionError
        If somebody may decide it anyway, or it does not wait in the queue.
    """
    if caller.actor.role not in ADMIN:
        raise ForbiddenError("only an administrator appoints somebody")
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        user = _member(session, case, email)
        _check(session, case, user)
        matters.move(
            service,
            session,
            case,
            "appoint",
            appeals.Actor(Role.ADMIN, caller.actor.id),
            parts={"appointed": user.id, "reason": reason},
            detail={"appointed": user.id},
        )
        case.appointed = user.id
        session.add(_note(service, case, caller.actor.id, "appointment", reason))
        return case


def _check(session: Session, case: Case, user: User) -> None:
    if case.kind in second_reviews.FOUR_EYES:
        raise ForbiddenError(
            Told(
                "two people must agree on a %(kind)s: add an appeals officer instead "
                "(clearance user add --role appeals_officer)",
                kind=case.kind,
            )
        )
    if (others := may_take(session, case)) and case.state in {State.QUEUED, State.ESCALATED}:
        raise appeals.IllegalTransitionError(
            Told(
                "%(others)s of the staff may decide this case: nobody needs to be appointed",
                others=len(others),
            )
        )
    if _for_officers(case) and user.role not in SENIOR:
        raise appeals.IllegalTransitionError(
            "this case is for an appeals officer: appoint one, or add one "
            "(clearance user add --role appeals_officer)"
        )


def _narrow() -> Sequence[Any]:
    """Return what holds of any case that nobody may be left for; skills keep those who have them all out."""
    return (
        col(Case.closed_at).is_(None),
        or_(
            col(Case.state).in_((State.QUEUED, State.ESCALATED)),
            and_(
                col(Case.state) == State.SECOND_REVIEW, col(Case.kind).in_(second_reviews.FOUR_EYES)
            ),
        ),
        or_(
            cast(col(Case.deciders), Text) != "[]",
            Case.state == State.ESCALATED,
            col(Case.kind).in_(queues.OFFICERS_ONLY),
        ),
    )


def _staff(session: Session) -> list[User]:
    in_use = (col(User.role).in_(STAFF), col(User.disabled_at).is_(None))
    return list(session.exec(select(User).where(*in_use).order_by(col(User.id))))


def _member(session: Session, case: Case, email: str) -> User:
    own = [user for user in _staff(session) if user.tenant_id in {None, case.tenant_id}]
    found = next((user for user in own if user.email == email.strip().lower()), None)
    if found is None:
        raise NotFoundError("reviewer or appeals officer", "with this e-mail address")
    return found


def _may(user: User, case: Case) -> bool:
    if user.tenant_id not in {None, case.tenant_id}:
        return False
    if user.id == case.appointed and case.state != State.SECOND_REVIEW:
        return True
    if _for_officers(case) and user.role not in SENIOR:
        return False
    return user.id not in case.deciders and queues.covers(user, case)


def _for_officers(case: Case) -> bool:
    return case.state == State.ESCALATED or case.kind in queues.OFFICERS_ONLY


def _was_told(session: Session, case: Case) -> bool:
    query = select(CaseNote.id).where(CaseNote.case_id == case.id, CaseNote.kind == NOTE)
    if case.since is not None:
        query = query.where(col(CaseNote.created_at) >= case.since)
    return session.exec(query.limit(1)).first() is not None


def _tell(service: "Service", session: Session, case: Case) -> None:
    why = (
        "Nobody on the staff may decide this case: all who could have decided it before. "
        "An administrator adds somebody, or appoints one of them."
    )
    if case.kind in second_reviews.FOUR_EYES:
        why = (
            "Nobody on the staff may decide this case, on which two appeals officers must agree. "
            "An administrator adds an appeals officer."
        )
    session.add(_note(service, case, matters.CLOCK.id, NOTE, why))
    log.error("case_for_nobody", case_id=case.id, kind=case.kind, state=case.state)
    admins = select(User).where(
        User.role == "admin",
        col(User.disabled_at).is_(None),
        or_(col(User.tenant_id).is_(None), User.tenant_id == case.tenant_id),
    )
    for user in session.exec(admins.order_by(col(User.id))):
        letters.write(
            session,
            Recipient("user", user.id, user.email, user.language or service.settings.language),
            TEMPLATE,
            {"id": case.id, "kind": case.kind, "two": case.kind in second_reviews.FOUR_EYES},
            tenant_id=case.tenant_id,
            now=service.now(),
            legal_basis=("DSA-20",),
        )


def _note(service: "Service", case: Case, author_id: str, kind: str, text: str) -> CaseNote:
    role = matters.CLOCK.role if author_id == matters.CLOCK.id else Role.ADMIN
    return CaseNote(
        id=new_id(),
        tenant_id=case.tenant_id,
        case_id=case.id,
        author_id=author_id,
        role=role,
        kind=kind,
        text=text,
        created_at=service.now(),
    )
