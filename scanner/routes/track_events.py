"""Server-Sent Events of a track: what happened to it, from the journal, until it comes to rest."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from scanner.dependencies import ReadableTrack, ServiceDep, TracksReader
from scanner.journal_frames import PING_SECONDS, EventStream, frames, since, version_of
from scanner.problems import problems
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import JournalRow, Track
from scanner.track_states import FINAL, State

router = APIRouter(prefix="/v1/tracks", tags=["tracks"], route_class=Route)


@router.get(
    "/{track_id}/events",
    response_class=EventStream,
    responses=problems(
        "not-found",
        also={
            200: {
                "description": "Server-Sent Events: `event` is the type, `id` the event's id, "
                "`data` the CloudEvent as JSON. Ends after a final state.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            204: {"description": "Nothing follows the event that `Last-Event-ID` names."},
        },
    ),
)
async def follow_track(
    request: Request,
    track: ReadableTrack,
    caller: TracksReader,
    service: ServiceDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The last `id` you got.")
    ] = None,
) -> Response:
    """Follow a track as it moves; `Last-Event-ID` resumes. Needs the scope `tracks:read`."""
    last = await run_in_threadpool(version_of, service, track.id, last_event_id)
    rows, over = await run_in_threadpool(_since, service, track.id, last)
    if last and over and not rows:
        return Response(status_code=204)  # tells an EventSource not to come back
    mark = {"sandbox": True} if caller.sandbox else {}
    following = partial(_since, service, track.id)
    told = frames(service, request.app.state.progress, track.id, last, mark, following)
    return EventStream(told, ping=PING_SECONDS)


def _since(service: Service, track_id: str, last: int) -> tuple[list[JournalRow], bool]:
    """Return the track's events after a version, and whether nothing more will follow."""
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
        rows = since(session, track_id, last)
    seen = rows[-1].version if rows else last
    return rows, State(track.state) in FINAL and seen == track.version
