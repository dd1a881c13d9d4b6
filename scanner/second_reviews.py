"""A second reviewer checks a verdict without seeing it: for a share of all, always where four eyes decide."""

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

import appeals
from appeals.machines.case import State
from scanner import matters, parties, queues, verdicts
from scanner.callers import Caller
from scanner.tables import Case, CaseVerdict, GoldenCase, Track
from scanner.verdicts import Verdict

if TYPE_CHECKING:
    from scanner.service import Service

FOUR_EYES: Final = frozenset({"termination"})
"""Kinds of which no verdict takes effect before a second person has agreed."""
EYES: Final = 2
"""How many people it takes, whoever proposed it among them."""
BATCH: Final = 50


def drawn(case_id: str, share: float) -> bool:
    """Whether a case is in the share that is checked: the same answer for the same case, always."""
    number = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8], "big")
    return number / 2**64 < share


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
    before = select(CaseVerdict.id).where(
        CaseVerdict.case_id == case.id, col(CaseVerdict.checks).is_not(None)
    )
    if session.exec(before.limit(1)).first() is not None:
        return False
    return drawn(case.id, service.settings.second_review_share)


def ask(service: "Service", caller: Caller, case_id: str) -> Case:
    """Let somebody else decide as well, while one's own verdict can be taken back.

    The verdict waits for them, however long that takes.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        case = matters.locked(session, Case, caller.tenant_id, case_id)
        matters.move(service, session, case, "check", actor)
        if (row := verdicts.standing(session, case)) is not None:
            row.state = "in_doubt"
        return case


def answer(service: "Service", caller: Caller, case_id: str, given: Verdict) -> Case:
    """Decide as the second reviewer.

    The same verdict closes the case, and the first takes effect; another one passes the case up to an
    appeals officer who had no part in either.

    Raises
    ------
    appeals.IllegalTransitionError
        If it is one's own verdict, or somebody else holds the case now.
    """
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        matters.find(session, Case, caller.tenant_id, case_id)
        case, track = verdicts.locked_in_order(session, case_id)
        queues.check_skills(session, actor, case)
        first = verdicts.standing(session, case)
        if first is None:
            raise appeals.IllegalTransitionError("no verdict waits for a second one")
        if _agreed(service, session, case, first, given, actor):
            verdicts.give_effect(service, session, case, track, first)
        return case


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
    """Give first verdicts their effect that nobody came to check in time; never where four eyes decide."""
    before = service.now() - timedelta(hours=service.settings.second_review_hours)
    with service.database.reading() as session:
        due = session.exec(
            select(Case.id)
            .join(CaseVerdict, col(CaseVerdict.case_id) == col(Case.id))
            .where(
                Case.state == State.SECOND_REVIEW,
                col(Case.kind).not_in(FOUR_EYES),
                CaseVerdict.state == "standing",
                col(CaseVerdict.created_at) <= before,
            )
            .limit(BATCH)
        ).all()

    def act(session: Session, case: Case, track: Track | None) -> None:
        row = verdicts.standing(session, case)
        if case.state != State.SECOND_REVIEW or row is None or row.state != "standing":
            return
        if verdicts.is_taking_effect(track):
            return
        detail = verdicts.closing(row)
        lapsed = {"lapsed": True}
        matters.move(service, session, case, "close", matters.CLOCK, parts=lapsed, detail=detail)
        verdicts.give_effect(service, session, case, track, row)

    for case_id in due:
        verdicts.each_by_itself(case_id, lambda each: verdicts.concluding(service, each, act))
    return len(due)
