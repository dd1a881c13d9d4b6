"""References that are not found until a person has decided on them."""

from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

import appeals
from scanner import case_closing
from scanner.admission import in_words
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.openings import enqueue
from scanner.reference_events import ReferenceQuarantined, ReferenceReinstated
from scanner.reference_history import record_change
from scanner.reference_states import Move, Status, advance
from scanner.tables import Case, Reference

CONFLICT: Final = "conflict"
FLOOD: Final = "flood"
DECONFIRMED: Final = "deconfirmed"


def confine_for_conflicts(
    session: Session, reference: Reference, now: datetime, actor: Actor
) -> None:
    """Keep a reference out, at its epoch, for what :func:`scanner.admission.look` found."""
    reasons = [
        {"rule": f"reference.{each['kind']}", "text": in_words(each)}
        for each in reference.conflicts
    ]
    case = _open_case(session, reference, "reference_conflict", reasons, now, actor)
    data = ReferenceQuarantined(
        epoch=reference.epoch, cause=CONFLICT, conflicts=reference.conflicts, case_id=case.id
    )
    _confine(session, reference, data, now, actor)


def confine_for_flood(
    session: Session,
    reference: Reference,
    epoch: int,
    matches: int,
    baseline: float,
    now: datetime,
    actor: Actor,
) -> None:
    """Take a reference out that is suddenly found everywhere; what was decided stays."""
    reference.epoch, reference.flood_rate = epoch, float(matches)
    text = (
        f"{reference.title!r} was found {matches} times within a day, where {baseline:.1f} times "
        "are usual: until a person has looked, it is not searched for."
    )
    reasons = [{"rule": "reference.flood", "text": text}]
    case = _open_case(session, reference, "reference_flood", reasons, now, actor)
    data = ReferenceQuarantined(
        epoch=epoch, cause=FLOOD, matches=matches, baseline=baseline, case_id=case.id
    )
    _confine(session, reference, data, now, actor)


def confine_deconfirmed(
    session: Session, reference: Reference, epoch: int, now: datetime, actor: Actor
) -> None:
    """Take a shared reference out that a person here found wrong."""
    reference.epoch = epoch
    data = ReferenceQuarantined(epoch=epoch, cause=DECONFIRMED)
    _confine(session, reference, data, now, actor)


def reinstate(
    session: Session, reference: Reference, epoch: int, reason: str, now: datetime, actor: Actor
) -> None:
    """Let a reference be found again, on a person's word, and close its cases."""
    reference.status = advance(Status(reference.status), Move.REINSTATE)
    reference.epoch, reference.quarantined_for = epoch, None
    record_change(session, reference, ReferenceReinstated(epoch=epoch, reason=reason), now, actor)
    close_cases(session, reference, f"reinstated: {reason}", now, actor)


def close_cases(
    session: Session, reference: Reference, reason: str, now: datetime, actor: Actor
) -> None:
    """Take from the queue what a person has settled."""
    about = Case.reference_id == reference.id
    case_closing.close(session, about, reason=reason, now=now, actor=actor)


def _confine(
    session: Session,
    reference: Reference,
    data: ReferenceQuarantined,
    now: datetime,
    actor: Actor,
) -> None:
    reference.status = advance(Status(reference.status), Move.QUARANTINE)
    reference.quarantined_for, reference.snoozed_until = data.cause, None
    record_change(session, reference, data, now, actor)


def _open_case(
    session: Session,
    reference: Reference,
    kind: str,
    reasons: list[dict[str, Any]],
    now: datetime,
    actor: Actor,
) -> Case:
    return enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=reference.tenant_id,
            reference_id=reference.id,
            kind=kind,
            reasons=reasons,
            now=now,
        ),
        actor=actor,
    )
