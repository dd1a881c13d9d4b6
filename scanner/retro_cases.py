"""What becomes of a newer reference that is in a stored track: a record, and perhaps a case."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
import fingerprint
import policy
from appeals.machines.case import State as CaseState
from scanner import harmless, tracks, unseen
from scanner.clock import new_id
from scanner.declared import declared
from scanner.events import CaseExtended, CaseOpened, TrackRetroMatched
from scanner.exemptions import without
from scanner.journal import Event, record
from scanner.tables import Analysis, Case, Reference, RetroMatch, Track, TrackMatch
from scanner.track_facts import evidence_of, facts_of, match_of
from scanner.track_states import State
from scanner.unseen import Judged

if TYPE_CHECKING:
    from scanner.service import Service

KIND = "retro_match"
_MODELS: Final = {
    "embedding": fingerprint.EMBEDDING_MODEL,
    "composition": fingerprint.COMPOSITION_MODEL,
}


@dataclass(frozen=True)
class Stored:
    """A track with the fingerprint that its analysis kept, and what that analysis searched.

    Parameters
    ----------
    is_outdated : bool
        The analysis was made with other networks than today's (:mod:`scanner.stored_prints`).
    """

    track_id: str
    tenant_id: str
    analysis_id: str
    fingerprint_sha256: str
    index_epoch: int
    banks_left_out: tuple[str, ...]
    is_outdated: bool = False

    @classmethod
    def of(cls, analysis: Analysis) -> "Stored | None":
        """Return what an analysis kept, or None where it kept no fingerprint."""
        if analysis.fingerprint_sha256 is None or analysis.index_epoch is None:
            return None
        return cls(
            track_id=analysis.track_id,
            tenant_id=analysis.tenant_id,
            analysis_id=analysis.id,
            fingerprint_sha256=analysis.fingerprint_sha256,
            index_epoch=analysis.index_epoch,
            banks_left_out=tuple(analysis.banks_left_out),
            is_outdated=any(
                analysis.versions.get(name, model) != model for name, model in _MODELS.items()
            ),
        )


UNTOUCHED: Final = (CaseState.OPEN, CaseState.QUEUED)
"""States of a case that nobody has read."""


@dataclass(frozen=True)
class Found:
    """A newer reference in a track or in one of its stems, with what harmless material explains of it."""

    match: fingerprint.Match
    explained: harmless.Explained | None
    stem: str | None = None

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The match's segments as they are stored; each names the stem that it is of."""
        where = {} if self.stem is None else {"stem": self.stem}
        return [asdict(segment) | where for segment in self.match.segments]


def note(
    service: "Service",
    session: Session,
    stored: Stored,
    found: Sequence[Found],
    event: Event,
    *,
    sweep_id: str | None = None,
) -> int:
    """Record what was found; open or extend a case where the pack would now be stricter.

    Returns
    -------
    int
        How many references are new to the track; nothing is recorded twice.
    """
    track = tracks.locked(session, stored.tenant_id, stored.track_id)
    if track.analysis_id != stored.analysis_id or track.state == State.WITHDRAWN:
        return 0  # analysed again meanwhile, which compares it itself; or nobody's concern any more
    known = known_references(session, track)
    new = [each for each in found if each.match.reference_id not in known]
    if not new:
        return 0
    put_on_record(
        service,
        session,
        track,
        new,
        _judged(service, session, track, new),
        event,
        sweep_id=sweep_id,
    )
    return len(new)


def put_on_record(
    service: "Service",
    session: Session,
    track: Track,
    new: Sequence[Found],
    judged: Judged,
    event: Event | None,
    *,
    sweep_id: str | None = None,
    analysis_id: str | None = None,
) -> Case | None:
    """Write down what is new in a locked track, and ask a person if that limits it further.

    Parameters
    ----------
    analysis_id : str, optional
        Of the look that found it, if it was a whole one: with the verdict all that it found is seen.

    Returns
    -------
    Case, optional
        That a person is asked by; the track's state stays.
    """
    case = None
    if unseen.is_asked(session, track, judged):
        reasons = _new_reasons(judged)
        look = {} if analysis_id is None else {unseen.ANALYSIS: analysis_id}
        case = put_before_a_person(
            service, session, track, [each | look for each in reasons], event
        )
    now, after = service.now(), judged.after
    for each in new:
        _keep(session, track, each, after, case, sweep_id, now)
    track.version += 1
    track.updated_at = now
    record(
        session,
        tenant_id=track.tenant_id,
        subject=track.id,
        version=track.version,
        data=TrackRetroMatched(
            reference_ids=sorted(each.match.reference_id for each in new),
            decision=after.decision,
            case_id=case.id if case is not None else None,
        ),
        now=now,
        cause=event,
    )
    return case


def _keep(
    session: Session,
    track: Track,
    found: Found,
    after: policy.Decision,
    case: Case | None,
    sweep_id: str | None,
    now: datetime,
) -> None:
    """Put what was found of a reference on record, with what more of it was found before."""
    about = {"track_id": track.id, "reference_id": found.match.reference_id}
    row = session.exec(select(RetroMatch).filter_by(**about).with_for_update()).first()
    own = select(TrackMatch).filter_by(
        analysis_id=track.analysis_id, reference_id=found.match.reference_id
    )
    for older in session.exec(own) if row is None else [row]:
        found = _joined(session, track, found, older)
    match = found.match
    columns: dict[str, Any] = {
        "analysis_id": str(track.analysis_id),
        "sweep_id": sweep_id,
        "kind": match.kind,
        "score": match.score,
        "coverage_query": match.coverage_query,
        "coverage_reference": match.coverage_reference,
        "segments": found.segments,
        "explained": found.explained,
        "decision": after.decision,
        "case_id": case.id if case is not None else _still_open(session, row),
        "created_at": now,
    }
    if row is None:
        made: dict[str, Any] = {"id": new_id(), "tenant_id": track.tenant_id, **about}
        session.add(RetroMatch(**made, **columns))
        return
    row.sqlmodel_update(columns | {"disposition": "open"})


def _joined(session: Session, track: Track, found: Found, older: RetroMatch | TrackMatch) -> Found:
    """Return what was found with the seconds that only an older look found: neither takes the other from the record."""
    match, before = found.match, match_of(older)
    left = before.segments
    for new in match.segments:
        start, end = new.query_start - unseen.TOLERANCE, new.query_end + unseen.TOLERANCE
        left = tuple(piece for each in left for piece in without(each, start, end))
    if not left:
        return found
    segments = (*match.segments, *left)  # what is explained names segments by their number
    reference = session.get_one(Reference, match.reference_id)
    joined = replace(
        match,
        kind="recording" if "recording" in {match.kind, before.kind} else match.kind,
        score=max(match.score, before.score),
        segments=segments,
        coverage_query=fingerprint.covered(
            [(each.query_start, each.query_end) for each in segments], track.duration or 0.0
        ),
        coverage_reference=fingerprint.covered(
            [(each.reference_start, each.reference_end) for each in segments], reference.duration
        ),
    )
    return replace(found, match=joined)


def _still_open(session: Session, row: RetroMatch | None) -> str | None:
    """Return the case in which somebody will see a match anyway."""
    case = session.get(Case, row.case_id) if row is not None and row.case_id else None
    return case.id if case is not None and case.closed_at is None else None


def known_references(session: Session, track: Track) -> set[str]:
    """Return the ids of references that are on record as found in a track."""
    seen = select(TrackMatch.reference_id).where(TrackMatch.analysis_id == track.analysis_id)
    noted = select(RetroMatch.reference_id).where(RetroMatch.track_id == track.id)
    return {*session.exec(seen), *session.exec(noted)}


def _judged(service: "Service", session: Session, track: Track, new: Sequence[Found]) -> Judged:
    """What the pack says now of the track without and with what is new in it, and of that alone."""
    told = declared(session, track.id)
    analysis = session.get_one(Analysis, track.analysis_id)
    rows = session.exec(select(TrackMatch).where(TrackMatch.analysis_id == analysis.id)).all()
    evidence = evidence_of(analysis, track.duration, rows)
    more = replace(
        evidence,
        matches=[*evidence.matches, *(each.match for each in new)],
        explained=evidence.explained
        | {each.match.reference_id: each.explained for each in new if each.explained},
    )
    now = service.now()
    without, facts = (
        facts_of(session, track.tenant_id, told, each, now, track.id) for each in (evidence, more)
    )
    pack = service.packs.in_force(session, track.tenant_id, track.id, facts=facts).pack
    return unseen.judged(pack, [without], facts, [each.match.reference_id for each in new])


def _new_reasons(judged: Judged) -> list[dict[str, Any]]:
    """Return the reasons that nobody has read yet; all of what is new where its words are no others."""
    read = _reasons(judged.before[0])
    found = [each for each in _reasons(judged.after) if each not in read]
    return found or _reasons(judged.alone or judged.after)


def _reasons(decision: policy.Decision) -> list[dict[str, Any]]:
    return [{"rule": each["rule"], "text": each["text"]} for each in decision.to_json()["reasons"]]


def put_before_a_person(
    service: "Service",
    session: Session,
    track: Track,
    reasons: list[dict[str, Any]],
    event: Event | None,
) -> Case:
    """Extend the case that nobody looks at yet, or open one: who has read a case does not see what comes later."""
    now = service.now()
    query = select(Case).where(
        Case.track_id == track.id, Case.kind == KIND, col(Case.state).in_(UNTOUCHED)
    )
    case = session.exec(query.order_by(col(Case.id)).with_for_update()).first()
    data: CaseOpened | CaseExtended
    if case is None:
        case = appeals.open_case(
            case_id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            kind=KIND,
            reasons=reasons,
            now=now,
            decision_id=track.decision_id,
        )
        session.add(case)
        data = CaseOpened(track_id=track.id, kind=KIND, decision_id=track.decision_id)
    else:
        case.reasons = [*case.reasons, *reasons]
        data = CaseExtended(track_id=track.id, reasons=len(case.reasons))
    case.version += 1
    record(
        session,
        tenant_id=case.tenant_id,
        subject=case.id,
        version=case.version,
        data=data,
        now=now,
        cause=event,
    )
    return case
