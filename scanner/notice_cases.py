"""The cases in which people decide about notices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col

import appeals
from scanner import case_closing
from scanner.clock import new_id
from scanner.journal import PIPELINE, Actor, Event
from scanner.openings import enqueue
from scanner.tables import Case, Notice

if TYPE_CHECKING:
    from scanner.service import Service

SOONER: Final = {"threat": 50, "order": 20}
"""Priority that a form adds (DSA-18, DSA-15)."""
TRUSTED: Final = 10
"""Priority that a trusted flagger adds (DSA-22)."""


def open_case(
    service: "Service",
    session: Session,
    notice: Notice,
    kind: str,
    reasons: Sequence[dict[str, Any]],
    *,
    track_id: str | None = None,
    sooner: int = 0,
    cause: Event | None = None,
) -> Case:
    """Put something about a notice before a person.

    That of the notice itself names no track: a decision on one of its tracks must not close it.
    """
    now = service.now()
    case = appeals.open_case(
        case_id=new_id(),
        tenant_id=notice.tenant_id,
        kind=kind,
        reasons=reasons,
        now=now,
        track_id=track_id,
        reference_id=notice.reference_id if kind == "stay_down" else None,
        matter=(notice.KIND, notice.id),
        right=notice.right,
        language=notice.language,
        legal_due_at=notice.due_at if kind == "notice" else None,
    )
    case.priority += sooner
    return enqueue(session, case, cause=cause)


def close_cases(
    service: "Service",
    session: Session,
    notice: Notice,
    reason: str,
    *,
    actor: Actor = PIPELINE,
    keep: str | None = None,
    kinds: Sequence[str] = ("notice",),
) -> None:
    """Take a notice's cases from the queue, but for the one in which it is being decided."""
    about = [
        Case.matter_kind == notice.KIND,
        Case.matter_id == notice.id,
        col(Case.kind).in_(kinds),
        *([] if keep is None else [Case.id != keep]),
    ]
    case_closing.close(session, *about, reason=reason, now=service.now(), actor=actor)
