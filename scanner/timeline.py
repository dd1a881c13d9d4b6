"""A track's provenance in order: prompt, model, stems, mix, mark, scans, decision, release.

What the platform says of how a track was made is told apart from what was recorded here, and what is
not known is named.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlmodel import Session, col, select

from scanner import events
from scanner.marking import mark_of, stems_of
from scanner.privacy.personal import opened
from scanner.tables import Analysis, JournalRow, Submission, Track, Watermark

DECLARED: Final = "declared"
RECORDED: Final = "recorded"
_STEPS: Final[Mapping[str, str]] = {
    events.TrackSubmitted.type: "mix",
    events.TrackMarked.type: "mark",
    events.TrackAnalysed.type: "scan",
    events.TrackDecided.type: "decision",
    events.TrackSuperseded.type: "decision",
    events.TrackFileMade.type: "file",
    events.TrackReleased.type: "release",
    events.TrackConditioned.type: "release",
    events.TrackQuarantined.type: "quarantine",
    events.TrackBlocked.type: "block",
    events.TrackHeld.type: "hold",
    events.TrackPublished.type: "publication",
    events.TrackUnpublished.type: "publication",
    events.TrackRescanned.type: "rescan",
    events.TrackWithdrawn.type: "withdrawal",
}
"""The step that an event of the journal is; others are not shown."""
_KEPT: Final = frozenset(
    {
        "sha256", "watermark_id", "take_id", "key_id", "state", "master_sha256", "stems", "detectors",
        "index_version", "matches", "decision", "outcomes", "rules", "pack", "part", "form", "reason",
        "problem", "restrictions",
    }
)  # fmt: skip
_GENERATED: Final = ("prompt_sha256", "seed", "model_version", "parents")
"""What may not have been declared of a generated track."""


def of(session: Session, track: Track) -> dict[str, Any]:
    """Return a track's timeline as JSON.

    Returns
    -------
    dict
        ``steps``, each with ``step``, ``at``, ``source`` (``declared`` by the platform or ``recorded``
        here), ``event_id`` and ``detail``; and ``not_known``, what nobody said.
    """
    declared = session.exec(
        select(Submission.declaration).where(Submission.track_id == track.id)
    ).one()
    rows = session.exec(
        select(JournalRow)
        .where(JournalRow.subject == track.id, col(JournalRow.type).in_(list(_STEPS)))
        .order_by(col(JournalRow.version))
    ).all()
    made = declared.get("generated")
    steps = list(_made(session, track, made, mark_of(session, track.id))) if made else []
    steps += [_step(session, row) for row in rows]
    return {
        "id": track.id,
        "track_id": track.id,
        "origin": track.origin,
        "steps": steps,
        "not_known": _not_known(made, declared),
    }


def _made(
    session: Session, track: Track, made: Mapping[str, Any], mark: Watermark | None
) -> Iterator[dict[str, Any]]:
    """Steps before the mix, as the platform says."""
    at = track.created_at.isoformat()

    def told(step: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {"step": step, "at": at, "source": DECLARED, "event_id": None, "detail": detail}

    if made.get("prompt_sha256"):
        yield told("prompt", {"sha256": made["prompt_sha256"]})
    take_id = mark.take_id if mark is not None else made.get("take_id")
    names = ("model", "model_version", "method", "seed", "parents")
    yield told("model", {"take_id": take_id} | {name: made[name] for name in names if name in made})
    stems = stems_of(session, track.id)
    if stems:
        listed = [{"name": stem.name, "sha256": stem.sha256} for stem in stems]
        yield told("stems", {"stems": listed})


def _step(session: Session, row: JournalRow) -> dict[str, Any]:
    data, _ = opened(session.info["person_keys"], row.id, row.data)
    detail = {name: value for name, value in data.items() if name in _KEPT}
    if row.type == events.TrackAnalysed.type:
        analysis = session.get(Analysis, row.data["analysis_id"])
        detail["watermarks"] = analysis.watermarks if analysis is not None else []
    if row.type == events.TrackUnpublished.type:
        detail["ended"] = True
    return {
        "step": _STEPS[row.type],
        "at": row.time.isoformat(),
        "source": RECORDED,
        "event_id": row.id,
        "detail": detail,
    }


def _not_known(made: Mapping[str, Any] | None, declared: Mapping[str, Any]) -> list[str]:
    if made is not None:
        return [name for name in _GENERATED if not made.get(name) and made.get(name) != 0]
    return [] if "ai_disclosure" in declared else ["ai_disclosure"]
