"""A track as JSON: what it is, what was found in it and what was decided (design: `clearance scan --json`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from scanner import contestable
from scanner.tables import Analysis, PolicyDecision, Reference, Track, TrackMatch


def describe(session: Session, tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """Return each track as the contract's JSON object (design: `clearance scan --json`)."""
    ids = [track.id for track in tracks]
    analyses = _by_id(session, Analysis, [track.analysis_id for track in tracks])
    decisions = _by_id(session, PolicyDecision, [track.decision_id for track in tracks])
    matches: dict[str, list[TrackMatch]] = {}
    found = select(TrackMatch).where(col(TrackMatch.track_id).in_(ids))
    for match in session.exec(found.order_by(col(TrackMatch.score).desc(), col(TrackMatch.id))):
        matches.setdefault(match.analysis_id, []).append(match)
    references = _by_id(
        session, Reference, [match.reference_id for own in matches.values() for match in own]
    )
    return [
        describe_one(
            track,
            analyses.get(track.analysis_id or ""),
            decisions.get(track.decision_id or ""),
            [
                (match, references.get(match.reference_id))
                for match in matches.get(track.analysis_id or "", [])
            ],
        )
        for track in tracks
    ]


def with_contests(session: Session, tracks: Sequence[Track], now: datetime) -> list[dict[str, Any]]:
    """Return each track as JSON, with what its creator can contest now."""
    can = contestable.of_tracks(session, tracks, now)
    return [
        shown | {"contest": [each.to_json() for each in can[shown["id"]]]}
        for shown in describe(session, tracks)
    ]


def describe_one(
    track: Track,
    analysis: Analysis | None,
    decision: PolicyDecision | None,
    matches: Sequence[tuple[TrackMatch, Reference | None]],
) -> dict[str, Any]:
    """Return one track as JSON; what is not known yet is null or empty."""
    own = {
        "id": track.id,
        "track_id": track.id,
        "external_id": track.external_id,
        "file_name": track.file_name,
        "origin": track.origin,
        "sha256": track.sha256,
        "duration": track.duration,
        "state": track.state,
        "version": track.version,
        "created_at": track.created_at.isoformat(),
        "updated_at": track.updated_at.isoformat(),
        "problem": track.problem,
    }
    found = [describe_match(_columns(match), reference) for match, reference in matches]
    judged = _columns(decision) if decision else None
    return own | describe_judgement(judged) | describe_evidence(_columns(analysis), found)


def describe_judgement(decision: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the decision's part of the JSON; ``decision`` is null until there is one."""
    if decision is None:
        return {
            "decision": None,
            "outcomes": {},
            "restrictions": [],
            "reasons": [],
            "pack": None,
        }
    reasons = [{"rule": reason["rule"], "text": reason["text"]} for reason in decision["reasons"]]
    kept = ("decision", "outcomes", "restrictions", "pack")
    return {name: decision[name] for name in kept} | {"reasons": reasons}


def describe_evidence(
    analysis: Mapping[str, Any], matches: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the analysis' part of the JSON, empty as long as there is none."""
    return {
        "matches": list(matches),
        "watermarks": analysis.get("watermarks") or [],
        "provenance": analysis.get("provenance"),
        "words": analysis.get("words"),
        "index_version": analysis.get("index_version"),
        "index_age_seconds": analysis.get("index_age_seconds"),
        "banks_left_out": analysis.get("banks_left_out", []),
        "detectors": analysis.get("detectors", {}),
        "warnings": analysis.get("warnings", []),
        "audio": analysis.get("audio", {}),
        "seconds": analysis.get("seconds", {}),
    }


def describe_match(match: Mapping[str, Any], reference: Reference | None) -> dict[str, Any]:
    """Return one match as JSON, with the segments on both sides."""
    kept = ("reference_id", "kind", "score", "coverage_query", "coverage_reference", "segments")
    return {name: match[name] for name in kept} | {
        "title": reference.title if reference else None,
        "path": reference.path if reference else None,
    }


def _columns(row: SQLModel | None) -> dict[str, Any]:
    return {} if row is None else {name: getattr(row, name) for name in type(row).model_fields}


def _by_id(session: Session, table: Any, ids: Sequence[str | None]) -> dict[str, Any]:
    wanted = sorted({key for key in ids if key})
    if not wanted:
        return {}
    return {row.id: row for row in session.exec(select(table).where(table.id.in_(wanted)))}
