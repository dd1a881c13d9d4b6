"""A case: the unit of work of a reviewer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from appeals.tables import Case

# Higher comes first. An indeterminate track can't be released until somebody looks.
PRIORITY: Final = {"indeterminate": 30, "review": 20, "dead_letter": 30}


def open_case(
    *,
    case_id: str,
    tenant_id: str,
    track_id: str,
    kind: str,
    reasons: Sequence[dict[str, Any]],
    now: datetime,
    decision_id: str | None = None,
) -> Case:
    """Return a new case in the queue.

    Parameters
    ----------
    kind : {"review", "indeterminate", "dead_letter"}
        Why a person is asked.
    reasons : sequence of dict
        What the rules or the failure said, shown to the reviewer.
    """
    return Case(
        id=case_id,
        tenant_id=tenant_id,
        track_id=track_id,
        kind=kind,
        state="queued",
        priority=PRIORITY[kind],
        decision_id=decision_id,
        reasons=list(reasons),
        opened_at=now,
    )
