"""HTTP resources for fixes of tracks: cut, mute or replace what is claimed, and have it looked at anew."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from scanner import edits, parties, tracks
from scanner.audio.mending import Part
from scanner.dependencies import OnceDep, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.rights_callers import POSTED, ContestReader, ContestWriter
from scanner.routing import Route
from scanner.schemas import rights as shapes

router = APIRouter(prefix="/v1/tracks/{track_id}/edits", tags=["contest"], route_class=Route)


def track_id_of(track_id: Annotated[str, Path(description="The track's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")
    return track_id


TrackId = Annotated[str, Depends(track_id_of)]


@router.get(
    "",
    response_model=shapes.Edits,
    response_model_exclude_unset=True,
    responses=problems("not-found", "forbidden"),
)
def list_edits(caller: ContestReader, service: ServiceDep, track_id: TrackId) -> dict[str, Any]:
    """List the mended versions of a track, newest first. Needs `contest:read`."""
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        parties.affected(session, caller, track)
        return {"items": [edits.describe(each) for each in edits.listed(session, track.id)]}


@router.post(
    "",
    status_code=201,
    response_model=shapes.EditAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition", "unreadable-audio", "busy"),
)
def mend_track(
    request: Request,
    caller: ContestWriter,
    track_id: TrackId,
    once: OnceDep,
    wanted: shapes.EditAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Cut, mute or replace seconds of a track; the new version is scanned at once. Needs `contest:write`.

    When the new version goes out, the old one is withdrawn.
    """

    def work() -> Answer:
        with service.reference_slots:  # decoding is CPU work
            edit = edits.mend(service, caller, track_id, [_part(each) for each in wanted.parts])
        return Answer(201, edits.describe(edit))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


def _part(wanted: shapes.PartAsked) -> Part:
    return Part(wanted.kind, wanted.start, wanted.end, wanted.with_track, wanted.from_ or 0.0)
