"""The case of a proposed sanction: opened for a second person, closed when it was decided by signature."""

from typing import TYPE_CHECKING

from sqlmodel import Session

import appeals
from scanner import case_closing
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.openings import enqueue
from scanner.tables import Case, Sanction

if TYPE_CHECKING:
    from scanner.service import Service


def open_case(service: "Service", session: Session, row: Sanction, actor: Actor) -> Case:
    """Put a proposed sanction before somebody other than who proposed it."""
    kind = "termination" if row.kind == "termination" else "misuse"
    return enqueue(
        session,
        appeals.open_case(
            case_id=new_id(),
            tenant_id=row.tenant_id,
            kind=kind,
            reasons=[{"rule": f"sanction.{row.kind}", "text": row.reason, "factors": row.factors}],
            now=service.now(),
            matter=("sanction", row.id),
            deciders=[actor.id],
        ),
        actor=actor,
    )


def close_cases(
    service: "Service", session: Session, row: Sanction, reason: str, actor: Actor
) -> None:
    """Take the sanction's case from the queue, once it was decided by signature."""
    about = (Case.matter_kind == "sanction", Case.matter_id == row.id)
    now, by = service.now(), actor.id
    case_closing.close(session, *about, reason=reason, now=now, actor=actor, decided_by=by)
