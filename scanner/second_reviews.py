"""A second reviewer checks a verdict without seeing it: for a share of all, always where four eyes decide."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_
from sqlmodel import Session, col, or_, select

import appeals
from appeals.machines.case import State
from scanner import case_closing, cases, matters, parties, queues, setbacks, verdicts
from scanner.callers import Caller
from scanner.errors import ScannerError
from scanner.tables import Case, CaseNote, CaseVerdict, GoldenCase, Track
from scanner.verdicts import Verdict
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

FOUR_EYES: Final = frozenset({"termination"})
"""Kinds of which no verdict takes effect before a second person has agreed."""
EYES: Final = 2
"""How many people it takes, whoever proposed it among them."""
IN_DOUBT: Final = "in_doubt"
UNANSWERED: Final = "unanswered"
BEFORE_LAW: Final = timedelta(hours=1)
"""How long before law wants an answer the first verdict takes effect, if nobody gave a second opinion."""
BATCH: Final = 50


def drawn(service: "Service", case_id: str, opened: int = 1) -> bool:
    """Whether a case is in the share that is checked: the same answer each time, known to nobody before.

    Parameters
    ----------
    opened : int
        How many times it was opened: each time it is drawn anew.
    """
    number = service.secrets.share("second-review", f"{case_id}/{opened}")
    return number < service.settings.second_review_share


def wanted(service: "Service", session: Session, case: Case) -> bool:
    """Whether a second person must look before the verdict takes effect.

    A case that law wants answered before the check must be over is not drawn; nor one that was checked.
    """
    if case.kind in FOUR_EYES:
        return len(set(case.deciders)) < EYES
    if session.get(GoldenCase, case.id) is not None:
        return False
    over = service.now() + timedelta(hours=service.settings.second_review_hours)
    if case.legal_due_at is not None and case.legal_due_at <= over:
        return False
    reopened = session.exec(
        select(CaseNote.created_at)
        .where(CaseNote.case_id == case.id, CaseNote.kind == cases.REOPENED)
        .order_by(col(CaseNote.created_at).desc())
    ).all()
    before = select(CaseVerdict.id).where(
        CaseVerdict.case_id == case.id,
        or_(col(CaseVerdict.checks).is_not(None), CaseVerdict.state == UNANSWERED),
        *([col(CaseVerdict.created_at) >= reopened[0]] if reopened else []),
    )
    if session.exec(before.limit(1)).first() is not None:
        return False
    return drawn(service, case.id, 1 + len(reopened))


def ask(service: "Service", caller: Caller, case_id: str) -> Case:
    """Let somebody else decide as well, while one's own verdict can be taken back.

    The verdict waits for them until `end_of_doubt`.

    Raises
    ------
    appeals.IllegalTransitionError
        If law wants an answer so soon that nobody could give the opinion in time.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        row = verdicts.standing(session, case)
        if row is not None and end_of_doubt(service, case, row) <= service.now():
            raise appeals.IllegalTransitionError(
                Told(
                    "law wants an answer by %(legal_due_at)s UTC, too soon for a second "
                    "opinion: take the verdict back, or let it stand",
                    legal_due_at=f"{case.legal_due_at:%Y-%m-%d %H:%M}",
                )
            )
        matters.move(service, session, case, "check", actor)
        if row is not None:
            row.state = IN_DOUBT
        return case


def end_of_doubt(service: "Service", case: Case, row: CaseVerdict) -> datetime:
    """Return until when a second opinion is waited for: always well before law wants an answer."""
    end = row.created_at + timedelta(hours=service.settings.second_review_hours)
    return end if case.legal_due_at is None else min(end, case.legal_due_at - BEFORE_LAW)


def answer(service: "Service", caller: Caller, case_id: str, given: Verdict) -> Case:
    """Decide as the second reviewer.

    The same verdict closes the case, and the first takes effect; another one passes the case up to an
    appeals officer who had no part in either. If it can't take effect any more, the case is in the queue
    again, with a note that says why.

    Raises
    ------
    appeals.IllegalTransitionError
        If it is one's own verdict, or somebody else holds the case now.
    """
    actor = parties.staff(caller)
    try:
        with service.database.transaction() as session:
            matters.find(session, Case, caller.tenant_id, case_id)
            case, track = verdicts.locked_in_order(session, case_id)
            queues.check_skills(session, actor, case)
            first = verdicts.standing(session, case)
            if first is None:
                raise appeals.IllegalTransitionError("no verdict waits for a second one")
            if _agreed(service, session, case, first, given, actor):
                _give_effect(service, session, case, track, first)
            return case
    except _NoEffectError as error:
        with service.database.transaction() as session:
            case, _ = verdicts.locked_in_order(session, case_id)
            verdicts.returned(service, session, case, str(error))
            return case


class _NoEffectError(ScannerError):
    """What both agreed on can't take effect any more."""


def _give_effect(
    service: "Service", session: Session, case: Case, track: Track | None, first: CaseVerdict
) -> None:
    try:
        verdicts.give_effect(service, session, case, track, first)
    except (ScannerError, appeals.AppealError) as error:
        raise _NoEffectError(str(error)) from error


def _agreed(
    service: "Service",
    session: Session,
    case: Case,
    first: CaseVerdict,
    given: Verdict,
    actor: appeals.Actor,
) -> bool:
    """Move a locked case by what the second reviewer says; tell whether both say the same."""
    reason = verdicts.check(session, case, given)
    same = _says(given) == _says(Verdict.of(first))
    matters.move(
        service,
        session,
        case,
        "agree" if same else "differ",
        actor,
        parts={"verdict": given.verdict, "reason": given.reason},
        detail=verdicts.closing(first) if same else {"reason": given.reason},
    )
    state = "agreed" if same else "differed"
    verdicts.written(service, session, case, given, reason, actor, state, checks=first.id)
    if not same:
        first.state = "differed"
    return same


def _says(verdict: Verdict) -> tuple[object, ...]:
    """Return what a verdict does: two that differ in where, or by what, a track is limited differ."""
    limits = sorted(repr(sorted(each.items())) for each in verdict.restrictions)
    return verdict.verdict, sorted(verdict.territories), limits, verdict.remedy, verdict.misuse


def lapse_due(service: "Service") -> int:
    """End what nobody came to check in time; never where four eyes decide.

    A first verdict takes effect then. One whose reviewer is in doubt does so only where law wants an answer;
    else the case is passed up to an appeals officer.
    """
    now, wait = service.now(), timedelta(hours=service.settings.second_review_hours)
    law = col(Case.legal_due_at) <= now + BEFORE_LAW
    with service.database.reading() as session:
        due = session.exec(
            select(Case.id)
            .join(CaseVerdict, col(CaseVerdict.case_id) == col(Case.id))
            .where(
                Case.state == State.SECOND_REVIEW,
                col(Case.kind).not_in(FOUR_EYES),
                col(CaseVerdict.state).in_(case_closing.WAITING),
                or_(
                    col(CaseVerdict.created_at) <= now - wait,
                    and_(col(CaseVerdict.state) == IN_DOUBT, law),
                ),
                setbacks.ready("second-reviews", col(Case.id), now),
            )
            .order_by(col(CaseVerdict.created_at))
            .limit(BATCH)
        ).all()

    def act(session: Session, case: Case, track: Track | None) -> bool:
        row = verdicts.standing(session, case)
        if case.state != State.SECOND_REVIEW or row is None:
            return True
        if row.state == IN_DOUBT and case.legal_due_at is None:
            pass_up(service, session, case, row)
            return True
        if verdicts.is_taking_effect(track):
            return False
        detail = verdicts.closing(row)
        lapsed = {"lapsed": True}
        matters.move(service, session, case, "close", matters.CLOCK, parts=lapsed, detail=detail)
        verdicts.give_effect(service, session, case, track, row)
        return True

    return setbacks.each(
        service, "second-reviews", due, lambda each: verdicts.concluding(service, each, act)
    )


def pass_up(service: "Service", session: Session, case: Case, row: CaseVerdict) -> None:
    """Put a locked case before an appeals officer, since nobody gave the opinion that was asked for."""
    row.state = UNANSWERED
    note = {"note": "nobody gave the second opinion that was asked for"}
    matters.move(service, session, case, "escalate", matters.CLOCK, parts=note)


def meet(service: "Service", session: Session, case: Case) -> None:
    """End the clock of a case when it is due; one in doubt is not decided, and misses it."""
    if _in_doubt(session, case) is None:
        queues.meet(service, session, case)


def late(service: "Service", session: Session, case: Case) -> None:
    """Pass up what nobody has taken, or given a second opinion on, in time."""
    row = _in_doubt(session, case)
    if row is None:
        queues.escalate_late(service, session, case)
    elif case.kind not in FOUR_EYES and case.legal_due_at is None:
        pass_up(service, session, case, row)


def _in_doubt(session: Session, case: Case) -> CaseVerdict | None:
    row = verdicts.standing(session, case) if case.state == State.SECOND_REVIEW else None
    return row if row is not None and row.state == IN_DOUBT else None
