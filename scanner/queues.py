"""Which cases a reviewer may take, and in which order; how far a case reaches, and by when it is wanted.

Order: by when law wants an answer, then harm times reach, then age. Reach is how many tracks of the platform
share the matter: the same audio, or the same reference found; platforms declare no plays.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, and_, cast
from sqlmodel import Session, col, func, or_, select

import appeals
from appeals.cases import PRIORITY
from appeals.machines.case import State
from appeals.roles import SENIOR
from scanner import deadlines, matters, setbacks
from scanner.errors import ForbiddenError
from scanner.tables import Case, GoldenCase, NoticeTrack, Track, TrackMatch, User
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

OFFICERS_ONLY: Final = frozenset({"termination"})
"""Kinds that only appeals officers decide."""
UNHURRIED: Final = frozenset({"spot_check"})
"""Kinds that nobody waits for: they have a clock only where the setting names them."""
TARGET: Final = "case-target"
"""The clock of a case that nobody has decided yet."""
LIKELY: Final = 0.5
MOST: Final = 1000
BATCH: Final = 100


def order() -> tuple[Any, ...]:
    """Return by what the queue is sorted, most pressing first."""
    weight = col(Case.priority) * func.coalesce(col(Case.reach), 1)
    return (
        col(Case.legal_due_at).asc().nulls_last(),
        weight.desc(),
        col(Case.opened_at).asc(),
        col(Case.id).asc(),
    )


def open_to(
    session: Session, actor: appeals.Actor, tenant_id: str, now: datetime, *, held: bool = False
) -> list[Any]:
    """Return what holds of a case that a member of staff may take now; with ``held``, or has taken."""
    over = col(Case.due_at) <= now
    states: list[Any] = [
        col(Case.state) == State.QUEUED,
        and_(col(Case.state) == State.LEASED, over),
        and_(col(Case.state) == State.SECOND_REVIEW, or_(col(Case.holder).is_(None), over)),
    ]
    if held:
        states.append(and_(col(Case.state) == State.LEASED, col(Case.holder) == actor.id))
    conditions: list[Any] = [
        Case.tenant_id == tenant_id,
        or_(
            ~cast(col(Case.deciders), Text).contains(actor.id, autoescape=True),
            and_(col(Case.appointed) == actor.id, col(Case.state) != State.SECOND_REVIEW),
        ),
    ]
    if actor.role in SENIOR:
        states.append(Case.state == State.ESCALATED)
    else:
        appointed = col(Case.appointed) == actor.id
        conditions += [
            col(Case.kind).not_in(OFFICERS_ONLY),
            or_(~col(Case.passed_up), and_(col(Case.appointed).is_not(None), appointed)),
        ]
    kinds, rights, languages = _skills(session.get(User, actor.id))
    if kinds:
        conditions.append(col(Case.kind).in_(kinds))
    if rights:
        conditions.append(or_(col(Case.right).is_(None), col(Case.right).in_(rights)))
    if languages:
        conditions.append(or_(col(Case.language).is_(None), col(Case.language).in_(languages)))
    return [or_(*states), *conditions]


def first(
    session: Session, actor: appeals.Actor, tenant_id: str, now: datetime, kind: str | None = None
) -> Case | None:
    """Return the most pressing case, locked; those that others lock at this moment are passed over."""
    query = select(Case).where(*open_to(session, actor, tenant_id, now))
    if kind is not None:
        query = query.where(Case.kind == kind)
    locked = query.order_by(*order()).limit(1).with_for_update(skip_locked=True)
    return session.exec(locked.execution_options(populate_existing=True)).first()


def check_skills(session: Session, actor: appeals.Actor, case: Case) -> None:
    """Raise ``ForbiddenError`` unless the case is one for this reviewer."""
    if case.kind in OFFICERS_ONLY and actor.role not in SENIOR:
        raise ForbiddenError(
            Told("a case of kind %(kind)s is for an appeals officer", kind=case.kind)
        )
    if case.appointed == actor.id:
        return
    for what, wanted, having in _not_covered(session.get(User, actor.id), case):
        raise ForbiddenError(
            Told(
                "your skills name no %(what)s %(wanted)s, but: %(having)s",
                what=what,
                wanted=wanted,
                having=", ".join(sorted(having)),
            )
        )


def covers(user: User, case: Case) -> bool:
    """Tell whether a reviewer's skills and languages cover a case."""
    return not list(_not_covered(user, case))


def check_track(session: Session, caller: "Caller", track_id: str, now: datetime) -> None:
    """Raise ``ForbiddenError`` if a reviewer asks for a track while they hold no case of it."""
    if caller.user_id is None or caller.actor.role != "reviewer":
        return
    about = or_(Case.track_id == track_id, GoldenCase.track_id == track_id)
    held = (
        select(Case.id)
        .outerjoin(GoldenCase, col(GoldenCase.case_id) == col(Case.id))
        .where(Case.tenant_id == caller.tenant_id, Case.holder == caller.user_id, about)
        .where(or_(col(Case.due_at).is_(None), col(Case.due_at) > now))
    )
    if session.exec(held.limit(1)).first() is None:
        raise ForbiddenError("a reviewer sees a track while they hold a case of it: lease the case")


def check_list(caller: "Caller") -> None:
    """Raise ``ForbiddenError`` if a reviewer asks for tracks that nobody put before them."""
    if caller.user_id is not None and caller.actor.role == "reviewer":
        raise ForbiddenError("a reviewer sees the tracks of cases that they hold, one by one")


def check_made(session: Session, caller: "Caller", track_id: str | None, now: datetime) -> None:
    """Raise ``ForbiddenError`` if a reviewer asks for what was made, or is to be, while they hold no case of its track."""
    if track_id is None:
        check_list(caller)
    else:
        check_track(session, caller, track_id, now)


def take_in(service: "Service") -> int:
    """Count how far new cases reach and start their clocks; return how many were new."""
    new = (col(Case.reach).is_(None), col(Case.closed_at).is_(None))
    with service.database.reading() as session:
        turn = setbacks.ready("take-in", col(Case.id), service.now())
        found = session.exec(
            select(Case.id).where(Case.state == State.QUEUED, *new, turn).limit(BATCH)
        ).all()

    def act(case_id: str) -> None:
        with service.database.transaction() as session:
            case = session.get_one(Case, case_id, with_for_update=True, populate_existing=True)
            if case.reach is None and case.closed_at is None:
                case.reach = reach(session, case)
                _start_clock(service, session, case)

    return setbacks.each(service, "take-in", found, act)


def reach(session: Session, case: Case) -> int:
    """Return how many tracks share a case's matter, 1 to 1000; what was drawn by chance is about one."""
    if case.kind in UNHURRIED:
        return 1
    if case.matter_id is not None and case.matter_kind == "notice":
        named = select(func.count()).select_from(NoticeTrack)
        return _bounded(session.exec(named.where(NoticeTrack.notice_id == case.matter_id)).one())
    track = session.get(Track, case.track_id) if case.track_id else None
    references = [case.reference_id] if case.reference_id else []
    if track is not None:
        found = select(TrackMatch.reference_id).where(
            TrackMatch.analysis_id == track.analysis_id, TrackMatch.score >= LIKELY
        )
        references += session.exec(found).all()
    sharing = select(func.count(func.distinct(col(TrackMatch.track_id)))).where(
        TrackMatch.tenant_id == case.tenant_id, col(TrackMatch.reference_id).in_(references)
    )
    count = session.exec(sharing).one() if references else 0
    if track is not None and track.sha256 is not None:
        same = select(func.count()).select_from(Track)
        same = same.where(Track.tenant_id == case.tenant_id, Track.sha256 == track.sha256)
        count = max(count, session.exec(same).one())
    return _bounded(count)


def target(service: "Service", kind: str) -> timedelta | None:
    """Return in which time a case of a kind is to be decided; None: whenever somebody has time."""
    hours = dict(each.partition("=")[::2] for each in sorted(service.settings.case_target_hours))
    if kind in UNHURRIED and not hours.get(kind):
        return None
    return timedelta(hours=float(hours.get(kind) or hours.get("*") or 72))


def meet(service: "Service", session: Session, case: Case) -> None:
    """End the clock of a case that is decided, or waits for somebody else, when it is due."""
    if case.state not in {State.QUEUED, State.LEASED, State.ESCALATED}:
        deadlines.end(session, case, service.now())


def escalate_late(service: "Service", session: Session, case: Case) -> None:
    """Pass up what nobody has taken in time."""
    if case.state == State.QUEUED:
        note = "its time is over and nobody has taken it"
        matters.move(service, session, case, "escalate", matters.CLOCK, parts={"note": note})


def _not_covered(user: User | None, case: Case) -> Iterator[tuple[str, str, set[str]]]:
    """Yield what of a case a reviewer's skills don't cover: what it is, the case's, and theirs."""
    kinds, rights, languages = _skills(user)
    for what, having, wanted in (
        ("kind", kinds, case.kind),
        ("right", rights, case.right),
        ("language", languages, case.language),
    ):
        if having and wanted is not None and wanted not in having:
            yield what, wanted, having


def _start_clock(service: "Service", session: Session, case: Case) -> None:
    now, within = service.now(), target(service, case.kind)
    if within is not None:
        window = appeals.Window(TARGET, now, now, now + within, "")
        deadlines.start(session, case, window, "UTC")


def _skills(user: User | None) -> tuple[set[str], set[str], set[str]]:
    """Kinds, rights and languages that somebody named; an empty set is all of them."""
    if user is None:
        return set(), set(), set()
    kinds = set(user.skills) & set(PRIORITY)
    return kinds, set(user.skills) - kinds, set(user.languages)


def _bounded(count: int) -> int:
    return max(1, min(count, MOST))
