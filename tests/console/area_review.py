"""The reviewer's own pages and what they do there."""

from datetime import timedelta

from sqlmodel import col, select

import appeals
from scanner import amendments, evidence
from scanner.clock import new_id
from scanner.journal import Actor
from scanner.tables import Analysis, Case, Track, TrackAmendment, TrackMatch, TrackStem
from tests import reviewing
from tests.console.conftest import World

STAFF: set[str | None] = {"reviewer", "appeals_officer"}
_ACTIONS = (
    "take",
    "renew",
    "release",
    "later",
    "notes",
    "ask",
    "escalate",
    "preview",
    "verdict",
    "undo",
)
ROUTES: dict[tuple[str, str], set[str | None]] = {
    ("GET", "/queue/live"): STAFF,
    ("GET", "/queue/events"): STAFF,
    ("POST", "/queue/next"): STAFF,
    **{("POST", f"/cases/{{case_id}}/{each}"): STAFF for each in _ACTIONS},
    ("POST", "/cases/{case_id}/second-opinion"): STAFF,
    ("GET", "/cases/{case_id}/reference.webm"): STAFF,
    ("GET", "/cases/{case_id}/warped.webm"): STAFF,
    ("GET", "/cases/{case_id}/chroma.png"): STAFF,
    ("GET", "/cases/{case_id}/documents/{document_id}"): STAFF,
    ("GET", "/cases/{case_id}/stems/{stem_id}/audio"): STAFF,
    ("GET", "/cases/{case_id}/alike"): STAFF,
    ("POST", "/cases/{case_id}/alike"): STAFF,
    ("POST", "/cases/{case_id}/heard"): STAFF,
    ("POST", "/cases/{case_id}/alike/verdict"): STAFF,
    ("POST", "/cases/{case_id}/alike/undo"): STAFF,
    ("GET", "/care"): STAFF,
    ("POST", "/care"): STAFF,
    ("POST", "/care/rest"): STAFF,
    ("GET", "/care/keys"): STAFF,
    ("POST", "/care/keys"): STAFF,
    ("POST", "/care/keys/reset"): STAFF,
}  # fmt: skip
PAGES: dict[str | None, dict[str, str]] = {
    "reviewer": {
        "review-untaken": "/cases/{untaken_id}",
        "review-groups": "/queue?group=uploader",
        "review-alike": "/cases/{case_id}/alike",
        "review-care": "/care",
        "review-keys": "/care/keys",
    },
    "appeals_officer": {
        "review-officer": "/cases/{case_id}",
        "review-stems": "/cases/{stems_case_id}",
    },
}


def fill(world: World) -> dict[str, str]:
    """A second case of the same track, which nobody has taken."""
    service = world.service
    with service.database.transaction() as session:
        first = session.exec(select(Case).where(Case.id == world.case_id)).one()
        case = appeals.open_case(
            case_id=new_id(),
            tenant_id=world.caller.tenant_id,
            kind="review",
            reasons=[{"rule": "copy", "text": "It holds a recording."}],
            now=service.now(),
            track_id=first.track_id,
            decision_id=first.decision_id,
            right="recording",
            language="de",
            legal_due_at=service.now() + timedelta(hours=30),
        )
        session.add(case)
    return {
        "untaken_id": case.id,
        "stems_case_id": _generated(world),
        "stem_id": _stem(world, world.track_id, "voice"),
        "document_id": _attached(world),
    }


def _generated(world: World) -> str:
    """A case of a track that a model made, in whose voice alone the reference was found."""
    service = world.service
    with service.database.reading() as session:
        source = session.get_one(Track, world.track_id)
        whole = session.get_one(Analysis, source.analysis_id)
        query = select(TrackMatch).where(TrackMatch.analysis_id == whole.id)
        match = session.exec(query.order_by(col(TrackMatch.kind).desc())).all()[0]
    made = reviewing.about_track(service, world.caller, sha256=source.sha256)
    with service.database.transaction() as session:
        track = session.get_one(Track, made.track_id)
        track.origin, track.file_name, track.duration = "generated", "take 7.wav", source.duration
        session.get_one(Analysis, track.analysis_id).fingerprint_sha256 = whole.fingerprint_sha256
        copy = match.model_dump() | {"id": new_id(), "track_id": track.id}
        segments = [each | {"stem": "voice"} for each in match.segments]
        session.add(TrackMatch(**copy | {"analysis_id": track.analysis_id, "segments": segments}))
        track_id = track.id
    for name in ("drums", "voice"):
        _stem(world, track_id, name)
    return made.id


def _stem(world: World, track_id: str, name: str) -> str:
    """A stem with the sound of the world's own track."""
    with world.service.database.transaction() as session:
        source = session.get_one(Track, world.track_id)
        analysis = session.get_one(Analysis, source.analysis_id)
        stem = TrackStem(
            id=new_id(), tenant_id=source.tenant_id, track_id=track_id, name=name, sha256=source.sha256,
            size_bytes=1, state="marked", fingerprint_sha256=analysis.fingerprint_sha256,
            duration=source.duration, created_at=world.service.now(),
        )  # fmt: skip
        session.add(stem)
        return stem.id


def _attached(world: World) -> str:
    """A licence that the creator of the world's track attached, as a document, and that counts."""
    service, caller = world.service, world.caller
    content = {"licensor": "Blue Records", "scope": "one sample", "valid_from": "2026-01-01"}
    row = amendments.draft(service, caller, world.track_id, "licence", content)
    blob = service.store.put_bytes(caller.tenant_id, b"One sample, paid in full.")
    file = evidence.add(
        service, caller.tenant_id, (row.KIND, row.id), Actor("ana", "creator"), "licence.txt",
        "text/plain; charset=utf-8", blob,
    )  # fmt: skip
    with service.database.transaction() as session:  # without judging anew: the case stays
        kept = session.get_one(TrackAmendment, row.id)
        kept.state, kept.applied_at = "applied", service.now()
    return file.id
