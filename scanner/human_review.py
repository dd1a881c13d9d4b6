"""A restriction that rules alone decided is put before a person, if who is affected asks (GDPR-22)."""

from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

import appeals
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.errors import ConflictError, IllegalTransitionError
from scanner.events import CaseExtended, CaseOpened
from scanner.journal import Actor, Event, record
from scanner.tables import Case, PolicyDecision, Track
from scanner.track_states import State
from scanner.tracks import locked
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

KIND: Final = "human_review"
RULE: Final = "core.human-review"
MOST_STATEMENTS: Final = 10
"""With one case; of 2,000 characters each."""
RESTRICTED: Final = frozenset({State.CONDITIONED, State.BLOCKED})
_ASKED: Final = "Whom this affects asks that a person decides (GDPR-22)."


def ask(service: "Service", caller: Caller, track_id: str, statement: str | None = None) -> Case:
    """Open a case for a person; the effect stays as it is until that person has decided.

    Whoever asks again gets the open case; what they say then is added to it.

    Parameters
    ----------
    statement : str, optional
        The affected person's view.

    Raises
    ------
    IllegalTransitionError
        If nothing that rules alone decided limits the track.
    ConflictError
        If as many statements as a person reads are with the case already.
    """
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        case = _open_case(session, track)
        if case is None:
            return _opened(service, session, caller.actor, track, statement)
        if statement and statement not in {reason.get("text") for reason in case.reasons}:
            if sum(reason["rule"] == RULE for reason in case.reasons) >= MOST_STATEMENTS:
                raise ConflictError(
                    Told(
                        "%(most_statements)s statements are with the case already: wait for the "
                        "decision",
                        most_statements=MOST_STATEMENTS,
                    )
                )
            case.reasons = [*case.reasons, {"rule": RULE, "text": statement}]
            case.version += 1
            record(
                session,
                tenant_id=case.tenant_id,
                subject=case.id,
                version=case.version,
                data=CaseExtended(track_id=track.id, reasons=len(case.reasons)),
                now=service.now(),
                actor=caller.actor,
            )
        return case


def open_unasked(
    service: "Service", session: Session, track: Track, why: str, actor: Actor, cause: Event
) -> None:
    """Open such a case inside the transaction of the effect, unless a person looks at the track anyway."""
    decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    by_rules = decision is not None and decision.automation == "fully"
    if by_rules and track.state in RESTRICTED and _open_case(session, track) is None:
        _opened(service, session, actor, track, why, cause)


def _open_case(session: Session, track: Track) -> Case | None:
    """Return the case in which a person looks at the track's decision anyway."""
    kinds = (KIND, "review", "indeterminate")
    open_ = (Case.track_id == track.id, col(Case.closed_at).is_(None), col(Case.kind).in_(kinds))
    return session.exec(select(Case).where(*open_).order_by(col(Case.id)).with_for_update()).first()


def _opened(
    service: "Service",
    session: Session,
    actor: Actor,
    track: Track,
    statement: str | None,
    cause: Event | None = None,
) -> Case:
    decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in RESTRICTED or decision is None or decision.automation != "fully":
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s: only a restriction that rules alone decided is "
                "put before a person",
                state=track.state,
            )
        )
    case = appeals.open_case(
        case_id=new_id(),
        tenant_id=track.tenant_id,
        kind=KIND,
        reasons=[*decision.reasons, {"rule": RULE, "text": statement or _ASKED}],
        now=service.now(),
        track_id=track.id,
        decision_id=decision.id,
    )
    case.version = 1
    session.add(case)
    record(
        session,
        tenant_id=track.tenant_id,
        subject=case.id,
        version=case.version,
        data=CaseOpened(track_id=track.id, kind=KIND, decision_id=decision.id),
        now=service.now(),
        actor=actor,
        cause=cause,
    )
    return case
