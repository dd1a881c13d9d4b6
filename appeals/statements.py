"""Statements of reasons: what was done, why, and how to contest it (DSA-17)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from appeals.errors import MissingReasonError
from appeals.tables import StatementOfReasons

REDRESS: Final = (
    "You can dispute this free of charge within six months (DSA-20). A person who had no part in "
    "this decision will look at it."
)
HUMAN: Final = (
    "Rules alone decided this. You can ask that a person decides and hears your view (GDPR-22)."
)
WHAT: Final = {
    "conditioned": "Your track is available with limits.",
    "quarantined": "Your track is not available while a person looks at it.",
    "blocked": "Your track is not available.",
}


def state_reasons(
    *,
    statement_id: str,
    tenant_id: str,
    track_id: str,
    decision_id: str,
    effect: str,
    restrictions: Sequence[dict[str, Any]],
    reasons: Sequence[dict[str, Any]],
    automated_decision: bool,
    now: datetime,
) -> StatementOfReasons:
    """Write the statement that goes with a restriction.

    Raises
    ------
    MissingReasonError
        If no reason is given: a restriction without one must not take effect.
    """
    reasons = [reason for reason in reasons if reason.get("outcome") != "clear"]  # records only
    texts = [str(reason["text"]) for reason in reasons if reason.get("text")]
    if not texts:
        raise MissingReasonError(f"track {track_id} would be {effect} without a reason")
    redress = f"{HUMAN} {REDRESS}" if automated_decision else REDRESS
    basis = sorted({str(rule) for reason in reasons for rule in reason.get("legal_basis", [])})
    return StatementOfReasons(
        id=statement_id,
        tenant_id=tenant_id,
        track_id=track_id,
        decision_id=decision_id,
        effect=effect,
        restrictions=list(restrictions),
        facts=list(reasons),
        legal_basis=basis,
        automated_detection=True,
        automated_decision=automated_decision,
        redress=redress,
        text=" ".join([WHAT[effect], *texts, redress]),
        created_at=now,
    )
