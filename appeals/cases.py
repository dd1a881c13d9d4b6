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
) -> Case:
    """Return a new case in the queue.

    Parameters
    ----------
    kind : {"review", "indeterminate", "dead_letter", "retro_match", "human_review", \
"reference_conflict", "reference_flood"}
        Why a person is asked: the first five about a track, the others about a reference.
    reasons : sequence of dict
        What the rules or the failure said, shown to the reviewer.
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
        reasons=list(reasons),
        opened_at=now,
    )
