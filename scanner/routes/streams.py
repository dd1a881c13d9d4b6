"""HTTP resources of live streams: listen to an address, or to audio that is sent while it plays."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

import anyio
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from scanner import bodies, cursors
from scanner.callers import Caller
from scanner.dependencies import (
    Cursor,
    Limit,
    OnceDep,
    ServiceDep,
    TracksReader,
    TracksWriter,
    etag,
    is_id,
)
from scanner.errors import ConflictError, NotFoundError
from scanner.journal_frames import PING_SECONDS, EventStream, frames, since, version_of
from scanner.problems import HttpError, problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import streams as shapes
from scanner.service import Service
from scanner.streams import cue_sheets, records
from scanner.streams.hearing import Hearing
from scanner.streams.records import ENDED, Connection
from scanner.tables import JournalRow, Stream
from scanner.url_guard import UrlRefusedError

router = APIRouter(prefix="/v1/streams", tags=["streams"], route_class=Route)

StreamId = Annotated[str, Path(description="The stream's id.")]
_AUDIO: Final = {
    "required": True,
    "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
}


def _own(service: Service, tenant_id: str, stream_id: str) -> Stream:
    if not is_id(stream_id):
        raise NotFoundError("stream", "of this id")
    with service.database.reading() as session:
        return records.find(session, tenant_id, stream_id)


def readable_stream(caller: TracksReader, service: ServiceDep, stream_id: StreamId) -> Stream:
    """Return the stream in the path for reading."""
    return _own(service, caller.tenant_id, stream_id)


def writable_stream(caller: TracksWriter, service: ServiceDep, stream_id: StreamId) -> Stream:
    """Return the stream in the path for changing."""
    return _own(service, caller.tenant_id, stream_id)


ReadableStream = Annotated[Stream, Depends(readable_stream)]
WritableStream = Annotated[Stream, Depends(writable_stream)]


@router.post(
    "",
    status_code=201,
    response_model=shapes.StreamAnswer,
    responses=problems(
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "in-progress",
        "idempotency-conflict",
    ),
)
def add_stream(
    request: Request,
    caller: TracksWriter,
    once: OnceDep,
    wanted: shapes.StreamAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Listen to a stream until it ends. Needs the scope `tracks:write`.

    With `url` a worker fetches it, and again whenever it breaks off. Without, send its audio to
    `/v1/streams/{stream_id}/audio` while it plays.
    """
    if wanted.url is not None:
        try:
            service.url_guard.check_web_form(wanted.url)
        except UrlRefusedError as error:
            told: list[dict[str, Any]] = [{"field": "url", "detail": error.detail}]
            raise HttpError("bad-fields", f"url: {error.detail}", errors=told) from error

    def work() -> Answer:
        row = records.add(service, caller, wanted.name, wanted.url)
        location = {"Location": f"/v1/streams/{row.id}"}
        return Answer(201, cue_sheets.describe(row) | {"on_air": []}, etag(row.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get("", response_model=shapes.Streams, responses=problems("bad-fields", "bad-cursor"))
def list_streams(
    caller: TracksReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List streams, newest first. Needs the scope `tracks:read`."""
    before: Any = cursors.decode("streams", cursor, datetime, str)
    with service.database.reading() as session:
        found = records.listed(session, caller.tenant_id, limit=limit + 1, before=before)
        page = found[:limit]
        items = [
            cue_sheets.describe(each) | {"on_air": cue_sheets.on_air(session, each)}
            for each in page
        ]
    more = len(found) > limit
    next_cursor = cursors.encode("streams", page[-1].created_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get("/{stream_id}", response_model=shapes.StreamAnswer, responses=problems("not-found"))
def read_stream(row: ReadableStream, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One stream, and what is on. Needs the scope `tracks:read`."""
    response.headers.update(etag(row.version))
    with service.database.reading() as session:
        return cue_sheets.describe(row) | {"on_air": cue_sheets.on_air(session, row)}


@router.post(
    "/{stream_id}/audio",
    response_model=shapes.StreamAnswer,
    openapi_extra={"requestBody": _AUDIO},
    responses=problems("not-found", "conflict", "busy", "unreadable-audio", "upload-timeout"),
)
async def send_audio(
    request: Request,
    row: WritableStream,
    service: ServiceDep,
    gap: Annotated[
        float | None,
        Query(ge=0, le=86400, description="Seconds missed since the last; default: time passed."),
    ] = None,
) -> dict[str, Any]:
    """Send a stream's audio, chunked, for as long as it plays. Needs the scope `tracks:write`.

    Any container but a playlist; the answer comes when the body ends. Sent again after a break, it
    goes on where it was, with the gap noted.
    """
    if row.url is not None:
        raise ConflictError("this stream has an address, from which it is fetched")

    with service.stream_slots:
        connection = await run_in_threadpool(records.connect, service, row.id, gap)
        await _heard(request, service, connection)
    return await run_in_threadpool(_described, service, row.id)


async def _heard(request: Request, service: Service, connection: Connection) -> None:
    hearing, problem = Hearing(service, connection, is_live=False), None
    try:
        async for block in bodies.chunks(request, is_live=True):
            if not await run_in_threadpool(hearing.feed, block):
                break
    except ClientDisconnect:
        problem = "client-gone"
    except HTTPException:
        problem = "upload-timeout"
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(hearing.close)
            problem = hearing.problem.problem if hearing.problem else problem
            left = partial(records.disconnect, service, connection, problem, retries=False)
            await run_in_threadpool(left)
    if hearing.is_taken:
        raise ConflictError("the stream was ended, or is listened to elsewhere by now")
    if hearing.problem is not None:
        raise hearing.problem


def _described(service: Service, stream_id: str) -> dict[str, Any]:
    with service.database.reading() as session:
        row = session.get_one(Stream, stream_id)
        return cue_sheets.describe(row) | {"on_air": cue_sheets.on_air(session, row)}


@router.post("/{stream_id}/end", response_model=shapes.CueSheet, responses=problems("not-found"))
async def end_stream(
    row: WritableStream, caller: TracksWriter, service: ServiceDep
) -> dict[str, Any]:
    """End a stream for good and get its cue sheet. Needs the scope `tracks:write`.

    What was on air when you asked is heard first, which takes 5 s at most. Then whoever listens to it or
    sends audio is cut off.
    """
    reached = await run_in_threadpool(records.on_air_at, service, row.id)
    with anyio.move_on_after(records.FINISH_SECONDS):  # no thread waits meanwhile
        while not await run_in_threadpool(records.is_heard, service, row.id, reached):
            await anyio.sleep(records.ASKED_EVERY)
    return await run_in_threadpool(_ended, service, row.id, caller)


def _ended(service: Service, stream_id: str, caller: Caller) -> dict[str, Any]:
    records.end(service, stream_id, "ended", caller.actor)
    with service.database.reading() as session:
        return cue_sheets.cue_sheet(session, session.get_one(Stream, stream_id))


@router.get(
    "/{stream_id}/cue-sheet",
    response_model=shapes.CueSheet,
    responses=problems(
        "not-found",
        "bad-fields",
        also={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    ),
)
def read_cue_sheet(
    row: ReadableStream,
    service: ServiceDep,
    form: Annotated[
        Literal["json", "csv"], Query(alias="format", description="`csv` is for spreadsheets.")
    ] = "json",
) -> Any:
    """What was on from when to when, so far or whole. Needs the scope `tracks:read`."""
    with service.database.reading() as session:
        sheet = cue_sheets.cue_sheet(session, row)
    if form == "json":
        return sheet
    named = {"Content-Disposition": 'attachment; filename="cue-sheet.csv"'}
    return Response(cue_sheets.as_csv(sheet), media_type="text/csv; charset=utf-8", headers=named)


@router.get(
    "/{stream_id}/events",
    response_class=EventStream,
    responses=problems(
        "not-found",
        also={
            200: {
                "description": "Server-Sent Events, as those of a track; they end with the stream.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            204: {"description": "Nothing follows the event that `Last-Event-ID` names."},
        },
    ),
)
async def follow_stream(
    request: Request,
    row: ReadableStream,
    caller: TracksReader,
    service: ServiceDep,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The last `id` you got.")
    ] = None,
) -> Response:
    """Follow what is on as it comes; `Last-Event-ID` resumes. Needs the scope `tracks:read`."""
    last = await run_in_threadpool(version_of, service, row.id, last_event_id)
    following = partial(_following, service, row.id)
    rows, over = await run_in_threadpool(following, last)
    if last and over and not rows:
        return Response(status_code=204)
    mark = {"sandbox": True} if caller.sandbox else {}
    told = frames(service, request.app.state.progress, row.id, last, mark, following)
    return EventStream(told, ping=PING_SECONDS)


def _following(service: Service, stream_id: str, last: int) -> tuple[list[JournalRow], bool]:
    with service.database.reading() as session:
        row = session.get_one(Stream, stream_id)
        rows = since(session, stream_id, last)
    seen = rows[-1].version if rows else last
    return rows, row.state == ENDED and seen == row.version
