"""Uploading a track, watching it go through the stages, and what came of it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import HTMLResponse

from scanner import explanations, queues, reviewer_care, reviewer_keys, track_views, tracks
from scanner.blob_answers import AudioResponse, WantedDep
from scanner.clock import new_id
from scanner.console import alignment
from scanner.console.access import Allowed, ConsoleRoute, proved
from scanner.console.identities import Identity
from scanner.console.navigation import TRACK_READERS, UPLOADERS
from scanner.console.rendering import page, redirect
from scanner.dependencies import IdempotencyKey, ServiceDep, is_id
from scanner.errors import NotFoundError, ScannerError
from scanner.journal_frames import EventStream
from scanner.routes.track_events import follow_track
from scanner.routes.tracks import read_audio
from scanner.routing import StrictRequest
from scanner.service import Service
from scanner.submissions import Submissions
from scanner.tables import PolicyDecision, Track
from scanner.track_states import FINAL, State

router = APIRouter(route_class=ConsoleRoute, default_response_class=HTMLResponse)
Uploader = Annotated[Identity, Depends(Allowed(UPLOADERS))]
Reader = Annotated[Identity, Depends(Allowed(TRACK_READERS))]

STAGES: Final = ("received", "analysing", "deciding", "settled")
_STAGE_OF: Final = {
    State.RECEIVED: 0,
    State.ANALYSING: 1,
    State.DECIDED: 2,
}


@router.get("/upload")
def read_upload(request: Request, identity: Uploader, service: ServiceDep) -> Response:
    """The form, under a name of its own, so that it is sent once."""
    return page(
        request,
        "upload.html",
        key=new_id(),
        megabytes=service.settings.max_upload_bytes // 2**20,
    )


@router.post("/upload", dependencies=[Depends(proved)])
async def upload(
    request: Request, identity: Uploader, service: ServiceDep, key: IdempotencyKey
) -> Response:
    """Take a file in and go on to watching it."""
    submissions = Submissions(service, identity.caller, key, request.app.state.pressure)
    taken = await submissions.take(StrictRequest(request.scope, request.receive))
    track_id = taken if isinstance(taken, str) else str(taken["id"])
    return redirect(request, f"/tracks/{track_id}")


def own_track(identity: Reader, service: ServiceDep, track_id: str) -> Track:
    """Return the track in the path; to a reviewer only while they hold a case of it."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")
    with service.database.reading() as session:
        try:
            found = tracks.find(session, identity.caller.tenant_id, track_id)
        except NotFoundError:
            raise NotFoundError("track", "of this id") from None
        queues.check_track(session, identity.caller, track_id, service.now())
        return found


OwnTrack = Annotated[Track, Depends(own_track)]


@router.get("/tracks/{track_id}")
def read_track(
    request: Request, identity: Reader, track: OwnTrack, service: ServiceDep
) -> Response:
    """A track as far as it is: a page, or for htmx the part that changes."""
    return track_page(request, service, track, audio=f"/tracks/{track.id}/audio")


def track_page(request: Request, service: Service, track: Track, *, audio: str) -> Response:
    """Show a track to somebody who may see it."""
    with service.database.reading() as session:
        described = track_views.describe(session, [track])[0]
        decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        user_id = str(request.state.identity.caller.user_id)
        wish = reviewer_care.wishes(session, user_id, service.now())
    if decision is not None:
        described["reasons"] = [
            {
                name: each[name]
                for name in ("rule", "title", "titles", "outcome", "text", "texts")
                if name in each
            }
            for each in decision.reasons
        ]
    matches: list[dict[str, Any]] = [each for each in described["matches"] if each["segments"]]
    fragment = request.headers.get("hx-request") == "true"
    at = _STAGE_OF.get(State(track.state), len(STAGES) - 1)
    return page(
        request,
        "track_result.html" if fragment else "track.html",
        player=not fragment,
        track=described,
        matches=matches,
        stages=STAGES,
        at=at,
        settled=at == len(STAGES) - 1,
        final=State(track.state) in FINAL,
        audio=audio if track.sha256 else None,
        peaks=_peaks(service, track),
        hotkeys=reviewer_keys.of(wish.keys),
    )


@router.get("/tracks/{track_id}/events", response_class=EventStream)
async def follow(
    request: Request,
    identity: Reader,
    track: OwnTrack,
    service: ServiceDep,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """What happens to a track, as it happens."""
    return await follow_track(request, track, identity.caller, service, last_event_id)


@router.get("/tracks/{track_id}/audio", response_class=AudioResponse)
def read_track_audio(
    identity: Reader, track: OwnTrack, service: ServiceDep, wanted: WantedDep
) -> Response:
    """The track's sound, whole or one range."""
    return read_audio(track, service, wanted)


def _peaks(service: Service, track: Track) -> list[float] | None:
    try:
        row = explanations.analysis_of(service, track)
        return alignment.peaks(explanations.own_fingerprint(service, track, row))
    except ScannerError:
        return None
