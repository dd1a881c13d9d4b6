"""Server-Sent Events of a track: what happened to it, from the journal, until it comes to rest."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from sqlmodel import col, select
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from scanner.bus.envelope import to_cloudevent
from scanner.dependencies import ReadableTrack, ServiceDep, TracksReader
from scanner.journal import event_of, readable
from scanner.problems import problems
from scanner.progress import Progress
from scanner.routing import Route
from scanner.service import Service
from scanner.tables import JournalRow, Track
from scanner.track_states import FINAL, State

router = APIRouter(prefix="/v1/tracks", tags=["tracks"], route_class=Route)

PING_SECONDS: Final = 15


class EventStream(EventSourceResponse):
    """Server-Sent Events; the class itself says its type, which its base does not."""

    media_type = "text/event-stream"


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
    last = await run_in_threadpool(_version_of, service, track, last_event_id)
    rows, over = await run_in_threadpool(_since, service, track.id, last)
    if last and over and not rows:
        return Response(status_code=204)  # tells an EventSource not to come back
    mark = {"sandbox": True} if caller.sandbox else {}
    frames = _frames(service, request.app.state.progress, track.id, last, mark)
    return EventStream(frames, ping=PING_SECONDS)


async def _frames(
    service: Service, progress: Progress, track_id: str, last: int, mark: dict[str, Any]
) -> AsyncIterator[ServerSentEvent]:
    with progress.following(track_id) as moved:
        while True:
            moved.clear()
            rows, over = await run_in_threadpool(_since, service, track_id, last)
            for row in rows:
                event = readable(event_of(row), service.person_keys)
                data = json.dumps(to_cloudevent(event) | mark)
                yield ServerSentEvent(data, event=row.type, id=row.id)
                last = row.version
            if over:
                return
            await moved.wait()


def _since(service: Service, track_id: str, last: int) -> tuple[list[JournalRow], bool]:
    """Return the track's events after a version, and whether nothing more will follow."""
    with service.database.reading() as session:
        track = session.get_one(Track, track_id)
        rows = list(
            session.exec(
                select(JournalRow)
                .where(JournalRow.subject == track_id, JournalRow.version > last)
                .order_by(col(JournalRow.version))
            )
        )
    seen = rows[-1].version if rows else last
    return rows, State(track.state) in FINAL and seen == track.version


def _version_of(service: Service, track: Track, event_id: str | None) -> int:
    """Return the version of an event of this track; 0, the beginning, if there is none such."""
    if not event_id or len(event_id) > 36 or not event_id.isascii():
        return 0
    with service.database.reading() as session:
        row = session.get(JournalRow, event_id)
    return row.version if row is not None and row.subject == track.id else 0
