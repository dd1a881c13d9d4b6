"""A case as somebody may see it: what it is about only while it is theirs to look at."""

from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from appeals.machines.case import State
from scanner import cases, dispositions, spot_checks
from scanner.callers import Caller
from scanner.errors import ForbiddenError, NotFoundError
from scanner.tables import Case, CaseNote, CaseVerdict, GoldenCase, Track

if TYPE_CHECKING:
    from scanner.service import Service

TO_STAFF: Final = frozenset({"reviewer", "appeals_officer", "admin", "auditor"})
ALL_CASES: Final = frozenset({"appeals_officer", "auditor"})
"""Roles that see what a case is about without holding it."""


def check_reader(session: Session, caller: Caller, case: Case | None = None) -> None:
    """Let creators read cases about their own tracks alone, those drawn by chance once they are asked; others none.

    Raises
    ------
    NotFoundError, ForbiddenError
    """
    if caller.holder_id or caller.flagger_id or (caller.account_id and case is None):
        raise ForbiddenError("cases are for the platform and its staff")
    if caller.account_id and case is not None:
        track = session.get(Track, case.track_id) if case.track_id else None
        hidden = case.kind == spot_checks.KIND and not any(map(_theirs, cases.notes(session, case)))
        if track is None or track.account_id != caller.account_id or hidden:
            raise NotFoundError("case", "of this id")


def shown(service: "Service", session: Session, caller: Caller, case: Case) -> dict[str, Any]:
    """Return a case as JSON; its reasons only for those who may see what it is about."""
    golden = _golden(session, case)
    held = holds(service, caller, case)
    open_ = caller.user_id is None or held or caller.actor.role in ALL_CASES
    view = {
        "id": case.id,
        "track_id": golden.track_id if golden else case.track_id,
        "reference_id": golden.reference_id if golden else case.reference_id,
        "kind": case.kind,
        "state": case.state,
        "priority": case.priority,
        "reach": case.reach,
        "right": case.right,
        "language": case.language,
        "matter_kind": case.matter_kind,
        "matter_id": case.matter_id,
        "decision_id": case.decision_id,
        "reasons": case.reasons if open_ else [],
        "version": case.version,
        "opened_at": case.opened_at.isoformat(),
        "due_at": case.due_at.isoformat() if case.due_at else None,
        "legal_due_at": case.legal_due_at.isoformat() if case.legal_due_at else None,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
    }
    if caller.actor.role in TO_STAFF:
        view |= {"holder": _name(service, caller, case.holder), "mine": held}
    return view


def whole(service: "Service", session: Session, caller: Caller, case: Case) -> dict[str, Any]:
    """Return a case with its matches, notes and verdicts, as far as the caller may see them.

    Whoever may check a verdict that waits sees neither it nor the notes that go with it.
    """
    view = shown(service, session, caller, case)
    staff = caller.user_id is not None
    notes = cases.notes(session, case)
    if not staff:
        return view | {"notes": [_note(service, caller, each) for each in notes if _theirs(each)]}
    if not (holds(service, caller, case) or caller.actor.role in ALL_CASES):
        return view
    blind = is_blind(caller, case)
    return view | {
        "uploader": _uploader(service, session, view["track_id"]),
        "matches": _matches(session, case, view["track_id"]),
        "notes": [_note(service, caller, each) for each in notes if not blind or _theirs(each)],
        "verdicts": [
            _verdict(service, caller, each)
            for each in _verdicts(session, case)
            if not blind or each.reviewer_id == caller.user_id
        ],
    }


def holds(service: "Service", caller: Caller, case: Case) -> bool:
    """Whether the caller has the case now."""
    over = case.due_at is not None and case.due_at <= service.now()
    return caller.user_id is not None and case.holder == caller.user_id and not over


def is_blind(caller: Caller, case: Case) -> bool:
    """Whether a verdict waits that the caller may be asked to check without having seen it."""
    if case.state == State.SECOND_REVIEW:
        return caller.actor.role != "auditor"
    waits = case.state == State.DECIDED
    return waits and caller.actor.role != "auditor" and caller.user_id not in case.deciders


def note(service: "Service", caller: Caller, row: CaseNote) -> dict[str, Any]:
    """Return a note as JSON."""
    return _note(service, caller, row)


def _golden(session: Session, case: Case) -> GoldenCase | None:
    if case.track_id or case.reference_id or case.matter_id:
        return None
    return session.get(GoldenCase, case.id)


def _theirs(row: CaseNote) -> bool:
    return row.kind in cases.TO_AFFECTED


def _note(service: "Service", caller: Caller, row: CaseNote) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": row.id,
        "kind": row.kind,
        "role": row.role,
        "text": row.text,
        "created_at": row.created_at.isoformat(),
    }
    if caller.actor.role in TO_STAFF:
        view["author"] = _name(service, caller, row.author_id)
    return view


def _verdict(service: "Service", caller: Caller, row: CaseVerdict) -> dict[str, Any]:
    return {
        "id": row.id,
        "verdict": row.verdict,
        "reason": row.reason,
        "text": row.text,
        "territories": row.territories,
        "restrictions": row.restrictions,
        "state": row.state,
        "second": row.checks is not None,
        "reviewer": _name(service, caller, row.reviewer_id),
        "created_at": row.created_at.isoformat(),
    }


def _verdicts(session: Session, case: Case) -> list[CaseVerdict]:
    query = select(CaseVerdict).where(CaseVerdict.case_id == case.id)
    return list(session.exec(query.order_by(col(CaseVerdict.id))))


def _matches(session: Session, case: Case, track_id: str | None) -> list[dict[str, Any]]:
    track = session.get(Track, track_id) if track_id else None
    if track is None:
        return []
    return [
        {
            "id": each.id,
            "reference_id": each.reference_id,
            "kind": each.kind,
            "score": each.score,
            "coverage_query": each.coverage_query,
            "coverage_reference": each.coverage_reference,
            "segments": each.segments,
            "disposition": each.disposition if case.track_id else None,
        }
        for each in dispositions.matches_of(session, case, track)
    ]


def _uploader(service: "Service", session: Session, track_id: str | None) -> str | None:
    track = session.get(Track, track_id) if track_id else None
    if track is None or track.account_id is None:
        return None
    return service.pseudonyms.of(track.account_id, "U")


def _name(service: "Service", caller: Caller, person_id: str | None) -> str | None:
    """Return a member of staff as others may see them; the auditor sees their real id."""
    if person_id is None or caller.actor.role == "auditor":
        return person_id
    return service.pseudonyms.on(caller.tenant_id).of(person_id)
