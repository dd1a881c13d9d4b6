"""Packs, their activations and their differences as JSON, for the API and the command line."""

from typing import Any, Final

from sqlmodel import Session

from policy import PackState
from scanner import policies, rehearsals
from scanner.rollouts import id_of
from scanner.tables import PolicyActivation, PolicyComparison, PolicyPack

_ACTIVATION: Final = (
    "id",
    "mode",
    "share",
    "started_by",
    "single_operator",
    "stop_rate",
    "stop_minimum",
    "stopped",
    "end_reason",
)
_COMPARISON: Final = (
    "track_id",
    "decision_id",
    "live",
    "candidate",
    "only_live",
    "only_candidate",
    "error",
)


def described(row: PolicyPack) -> dict[str, Any]:
    """Return a pack, without its text."""
    return {
        "id": id_of(row),
        "name": row.name,
        "content_hash": row.content_hash,
        "description": row.summary["description"],
        "active": row.state == PackState.ACTIVE,
        "state": row.state,
        "version": row.version,
        "thresholds": row.summary["thresholds"],
        "rules": row.summary["rules"],
        "author": row.author,
        "proposed_by": row.proposed_by,
        "approved_by": row.approved_by,
        "single_operator": row.single_operator,
        "reason": row.reason,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def whole(session: Session, row: PolicyPack) -> dict[str, Any]:
    """Return a pack with its text, its past, and the last differences of its last rehearsal."""
    past = policies.activations(session, row)
    rehearsed = next((each for each in past if each.mode != PackState.ACTIVE), None)
    found = rehearsals.differences(session, rehearsed.id) if rehearsed else ()
    return described(row) | {
        "text": row.text,
        "activations": [_activation(session, each) for each in past],
        "differences": [_comparison(each) for each in found],
    }


def tested(row: PolicyPack, said: dict[str, Any]) -> dict[str, Any]:
    """Return what a pack's own tests came to, and what the linter finds; see `pack_checks.run_cases`."""
    return {
        "id": id_of(row),
        "passed": all(case["passed"] for case in said["cases"]),
        "items": said["cases"],
        "findings": [text for text, _ in said["linted"]],
    }


def _activation(session: Session, row: PolicyActivation) -> dict[str, Any]:
    return (
        {name: getattr(row, name) for name in _ACTIVATION}
        | {
            "started_at": row.started_at.isoformat(),
            "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        }
        | rehearsals.counts(session, row.id)
    )


def _comparison(row: PolicyComparison) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COMPARISON}
