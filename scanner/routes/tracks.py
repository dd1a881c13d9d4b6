"""HTTP resources for tracks."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from scanner import blob_answers, cursors, delivery, queues, schemas, track_views, tracks
from scanner.audio import SNIFF_BYTES, NotAudioError, sniff
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.dependencies import (
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    OnceDep,
    ReadableTrack,
    ServiceDep,
    TracksReader,
    TracksWriter,
    WritableTrack,
    etag,
)
from scanner.errors import NotFoundError
from scanner.problems import HttpError, problems
from scanner.progress import Progress
from scanner.replays import Answer, identity_of
from scanner.routes.releases import AudioForm, BitRate, delivered
from scanner.routing import Route, StrictRequest
from scanner.service import Service
from scanner.submissions import Submissions
from scanner.tables import Analysis, PolicyDecision, Track
from scanner.track_states import FINAL, GENERATED, State

router = APIRouter(prefix="/v1/tracks", tags=["tracks"], route_class=Route)

WAIT_LIMIT: Final = 30.0
_MEDIA_TYPES: Final = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "mp4": "audio/mp4",
    "aiff": "audio/aiff",
    "asf": "audio/x-ms-wma",
    "caf": "audio/x-caf",
    "matroska": "audio/x-matroska",
}
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"$ref": "#/components/schemas/TrackByForm"},
            "encoding": {"file": {"contentType": "audio/*, application/octet-stream"}},
        },
        "application/json": {
            "schema": {"$ref": "#/components/schemas/TrackByJson"},
            "examples": {
                "claim check": {"value": {"url": "https://cdn.example.com/take-7.flac"}},
                "precheck": {
                    "value": {"url": "https://cdn.example.com/take-7.flac", "mode": "precheck"}
                },
            },
        },
    },
}


@router.post(
    "",
    status_code=202,
    response_model=schemas.Accepted,
    responses=problems(
        "malformed-json",
        "malformed-multipart",
        "idempotency-key-required",
        "idempotency-key-invalid",
        "upload-timeout",
        "in-progress",
        "too-large",
        "unsupported-media-type",
        "bad-fields",
        "empty-file",
        "not-audio",
        "url-refused",
        "bad-fingerprint",
        "idempotency-conflict",
        "unreadable-audio",
        "busy",
        also={
            200: {
                "model": schemas.Track,
                "description": "A precheck; or, with `wait`, a track that is decided already.",
            }
        },
    ),
    openapi_extra={"requestBody": _BODY},
)
async def submit_track(
    request: Request,
    caller: TracksWriter,
    service: ServiceDep,
    key: IdempotencyKey,
    wait: Annotated[
        float,
        Query(ge=0, description="Seconds to wait for the decision; at most 30 are waited."),
    ] = 0,
) -> Response:
    """Submit a track: a file, an address to fetch, or a fingerprint.

    Needs the scope `tracks:write` and, unless `mode` is `precheck`, an `Idempotency-Key`.
    """
    state = request.app.state
    submissions = Submissions(service, caller, key, state.pressure)
    taken = await submissions.take(StrictRequest(request.scope, request.receive))
    if isinstance(taken, dict):
        return JSONResponse(taken)
    request.state.track_id = taken
    if wait > 0:
        decided = await _decided(service, state.progress, taken, min(wait, WAIT_LIMIT))
        if decided is not None:
            return JSONResponse(decided, headers=etag(decided["version"]))
    status_url = f"/v1/tracks/{taken}"
    return JSONResponse(
        {"id": taken, "track_id": taken, "status_url": status_url},
        202,
        headers={"Location": status_url},
    )


@router.get(
    "",
    response_model=schemas.Tracks,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_tracks(
    caller: TracksReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[State | None, Query(description="Only tracks in this state.")] = None,
    external_id: Annotated[
        str | None, Query(max_length=200, description="Only tracks that you named so.")
    ] = None,
) -> dict[str, Any]:
    """List tracks, newest first. Needs the scope `tracks:read`."""
    queues.check_list(caller)
    before: Any = cursors.decode("tracks", cursor, datetime, str)
    with service.database.reading() as session:
        found = tracks.listed(
            session,
            caller.tenant_id,
            limit=limit + 1,
            before=before,
            state=state,
            external_id=external_id,
        )
        page = found[:limit]
        items = track_views.with_contests(session, page, service.now())
    more = len(found) > limit
    next_cursor = cursors.encode("tracks", page[-1].created_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{track_id}",
    response_model=schemas.Track,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_track(track: ReadableTrack, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One track: its state, what was found, what was decided. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        row = session.get_one(Track, track.id)
        described = track_views.with_contests(session, [row], service.now())[0]
    response.headers.update(etag(described["version"]))
    return described


@router.delete(
    "/{track_id}",
    response_model=schemas.Track,
    response_model_exclude_unset=True,
    responses=problems(
        "not-found", "precondition-required", "precondition-failed", "illegal-transition"
    ),
)
def withdraw_track(
    track: WritableTrack,
    precondition: IfMatch,
    caller: TracksWriter,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Take a track back; what happened stays on record. Needs the scope `tracks:write`."""
    expected = precondition.check(track.version)
    tracks.withdraw(service, caller, track.id, expected_version=expected)
    described = _described(service, track.id)
    response.headers.update(etag(described["version"]))
    return described


@router.post(
    "/{track_id}/rescan",
    status_code=202,
    response_model=schemas.Accepted,
    responses=problems("not-found", "illegal-transition", "in-progress", "idempotency-conflict"),
)
def rescan_track(
    request: Request, track: WritableTrack, caller: TracksWriter, service: ServiceDep, once: OnceDep
) -> JSONResponse:
    """Analyse a held track again. Needs the scope `tracks:write`."""

    def work() -> Answer:
        tracks.rescan(service, caller, track.id)
        status_url = f"/v1/tracks/{track.id}"
        return Answer(202, {"id": track.id, "track_id": track.id, "status_url": status_url})

    return once.answer(identity_of(request.url.path, b""), work)


@router.get(
    "/{track_id}/analysis",
    response_model=schemas.AnalysisAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_analysis(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """The evidence, without judgement. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        row = session.get(Analysis, track.analysis_id) if track.analysis_id else None
        if row is None:
            raise NotFoundError("analysis", "yet: the track is still being looked at")
        described = track_views.describe(session, [track])[0]
    kept = (
        "matches",
        "watermarks",
        "provenance",
        "words",
        "index_version",
        "index_age_seconds",
        "banks_left_out",
        "detectors",
        "warnings",
        "audio",
        "seconds",
    )
    return {
        "id": row.id,
        "track_id": track.id,
        "versions": row.versions,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat(),
        **{name: described[name] for name in kept},
    }


@router.get(
    "/{track_id}/decision",
    response_model=schemas.DecisionAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_decision(track: ReadableTrack, service: ServiceDep) -> dict[str, Any]:
    """The decision and all that explains it. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        row = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if row is None:
        raise NotFoundError("decision", "yet: read the track to see how far it is")
    return {
        "id": row.id,
        "track_id": track.id,
        "decision": row.decision,
        "outcomes": row.outcomes,
        "restrictions": row.restrictions,
        "reasons": [{"rule": each["rule"], "text": each["text"]} for each in row.reasons],
        "explanation": row.explanation,
        "pack": row.pack,
        "facts_hash": row.facts_hash,
        "outcome_hash": row.outcome_hash,
        "index_version": row.index_version,
        "automation": row.automation,
        "supersedes": row.supersedes,
        "activation_id": row.activation_id,
        "single_operator": row.single_operator,
        "created_at": row.created_at.isoformat(),
    }


@router.get(
    "/{track_id}/audio",
    response_class=AudioResponse,
    responses=problems(
        "not-found",
        "audio-missing",
        "range-not-satisfiable",
        "bad-fields",
        "illegal-transition",
        "not-deliverable",
        "busy",
        also=blob_answers.answers("audio/*"),
    ),
)
def read_audio(
    track: ReadableTrack,
    service: ServiceDep,
    wanted: WantedDep,
    form: AudioForm = None,
    bit_rate: BitRate = None,
) -> Response:
    """The audio as it was submitted, whole or one range. Needs the scope `tracks:read`.

    Of a generated track it is the marked master, or a file of it in the format that is asked for, and
    only once the track is released: every file had its mark read back.
    """
    if track.origin == GENERATED:
        return delivered(service, track, delivery.MIX, form, bit_rate, wanted)
    if form is not None or bit_rate is not None:
        raise HttpError("bad-fields", "format and bit_rate are for generated tracks")
    if track.sha256 is None or track.state == State.WITHDRAWN:
        raise HttpError("audio-missing", "this track has no audio here")
    media_type = media_type_of(service, track.tenant_id, track.sha256)
    return blob_answers.answer(service, track.tenant_id, track.sha256, media_type, wanted)


async def _decided(
    service: Service, progress: Progress, track_id: str, seconds: float
) -> dict[str, Any] | None:
    """Wait for a track to be decided; None if it is not within that time."""
    with progress.following(track_id) as moved:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    moved.clear()
                    described = await run_in_threadpool(_described, service, track_id)
                    if described["decision"] is not None or State(described["state"]) in FINAL:
                        return described
                    await moved.wait()
        except TimeoutError:
            return None


def _described(service: Service, track_id: str) -> dict[str, Any]:
    with service.database.reading() as session:
        return track_views.describe(session, [session.get_one(Track, track_id)])[0]


def media_type_of(service: Service, tenant_id: str, sha256: str) -> str:
    """Return what a stored sound is, by its first bytes."""
    part = blob_answers.part_of(service, tenant_id, sha256, 0, SNIFF_BYTES)
    head = b"".join(part)
    try:
        return _MEDIA_TYPES.get(sniff(head), "application/octet-stream")
    except NotAudioError:
        return "application/octet-stream"
