"""A case: the unit of work of a reviewer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from appeals.tables import Case

# Higher comes first. An indeterminate track can't be released until somebody looks.
PRIORITY: Final = {
    "indeterminate": 30,
    "review": 20,
    "dead_letter": 30,
    "reference_flood": 30,  # until somebody looks, nothing of it is found
    "reference_conflict": 10,
    "retro_match": 10,
    "human_review": 20,
    "notice": 40,
    "stay_down": 20,
    "counter_notice": 40,
    "claim": 20,
    "presumed_use": 30,  # law gives a week
    "misuse": 10,
    "termination": 30,
    "spot_check": 5,  # nobody waits for it
}


def open_case(
    *,
    case_id: str,
    tenant_id: str,
    kind: str,
    reasons: Sequence[dict[str, Any]],
    now: datetime,
    track_id: str | None = None,
    reference_id: str | None = None,
    decision_id: str | None = None,
    matter: tuple[str, str] | None = None,
    right: str | None = None,
    language: str | None = None,
    legal_due_at: datetime | None = None,
    deciders: Sequence[str] = (),
) -> Case:
    """Return a new case in the queue.

    Parameters
    ----------
    kind : str
        Why a person is asked, one of :data:`PRIORITY`.
    reasons : sequence of dict
        What the rules or the failure said, shown to the reviewer.
    matter : (str, str), optional
        Kind and id of the notice, claim or sanction that the case is about.
    legal_due_at : datetime, optional
        By when law wants an answer.
    deciders : sequence of str
        Who decided it before, and may not again.
    """
    return Case(
        id=case_id,
        tenant_id=tenant_id,
        track_id=track_id,
        reference_id=reference_id,
        kind=kind,
        state="queued",
        priority=PRIORITY[kind],
        decision_id=decision_id,
        matter_kind=None if matter is None else matter[0],
        matter_id=None if matter is None else matter[1],
        right=right,
        language=language,
        legal_due_at=legal_due_at,
        deciders=list(deciders),
        since=now,
        reasons=list(reasons),
        opened_at=now,
    )
