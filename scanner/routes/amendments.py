"""HTTP resources for changes of what was declared with a track: credit, territories, licence."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from scanner import amendments, evidence, parties, tracks
from scanner.dependencies import OnceDep, ServiceDep, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.rights_callers import (
    FILE_BODY,
    FILED,
    POSTED,
    ContestReader,
    ContestWriter,
    received,
)
from scanner.routes.edits import TrackId
from scanner.routing import Route
from scanner.schemas import amendments as shapes
from scanner.schemas import rights
from scanner.tables import TrackAmendment

router = APIRouter(prefix="/v1/tracks/{track_id}/amendments", tags=["contest"], route_class=Route)
_MOVED: Any = problems("not-found", *POSTED, "illegal-transition")


def amendment_id_of(amendment_id: Annotated[str, Path(description="The amendment's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(amendment_id):
        raise NotFoundError("amendment", "of this id")
    return amendment_id


AmendmentId = Annotated[str, Depends(amendment_id_of)]


@router.get("", response_model=shapes.Amendments, responses=problems("not-found", "forbidden"))
def list_amendments(
    caller: ContestReader, service: ServiceDep, track_id: TrackId
) -> dict[str, Any]:
    """List what a creator changed in what they declared, newest first. Needs `contest:read`."""
    with service.database.reading() as session:
        track = tracks.find(session, caller.tenant_id, track_id)
        parties.affected(session, caller, track)
        rows = amendments.listed(session, track.id)
        return {"items": [amendments.describe(session, each) for each in rows]}


@router.post("", status_code=201, response_model=shapes.AmendmentAnswer, responses=_MOVED)
def draft_amendment(
    request: Request,
    caller: ContestWriter,
    track_id: TrackId,
    once: OnceDep,
    wanted: shapes.AmendmentAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Draft a change, and see in `preview` what it would change; nothing counts yet.

    Needs `contest:write`.
    """

    def work() -> Answer:
        row = amendments.draft(service, caller, track_id, wanted.kind, wanted.content)
        change = amendments.preview(service, caller, row)
        with service.database.reading() as session:
            return Answer(201, amendments.describe(session, row, change))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/{amendment_id}",
    response_model=shapes.AmendmentAnswer,
    responses=problems("not-found", "forbidden"),
)
def read_amendment(
    caller: ContestReader, service: ServiceDep, track_id: TrackId, amendment_id: AmendmentId
) -> dict[str, Any]:
    """One change; as long as it is a draft, with what it would change. Needs `contest:read`."""
    with service.database.reading() as session:
        _, row = amendments.find_own(session, caller, track_id, amendment_id)
    change = amendments.preview(service, caller, row) if row.state == "drafted" else None
    with service.database.reading() as session:
        return amendments.describe(session, row, change)


@router.post(
    "/{amendment_id}/documents",
    status_code=201,
    response_model=rights.EvidenceAnswer,
    responses=problems(*FILED, "illegal-transition"),
    openapi_extra={"requestBody": FILE_BODY},
)
async def attach_document(
    request: Request,
    caller: ContestWriter,
    service: ServiceDep,
    track_id: TrackId,
    amendment_id: AmendmentId,
) -> JSONResponse:
    """Attach the licence to a draft: PDF, image, text or audio, 10 MiB at most. Needs `contest:write`."""
    with service.database.reading() as session:
        _, row = amendments.find_own(session, caller, track_id, amendment_id)
    evidence.refuse_over(row)
    done = await received(request, service, caller, (TrackAmendment.KIND, row.id))
    return JSONResponse(done.body, done.status)


@router.post("/{amendment_id}/apply", response_model=shapes.AmendmentAnswer, responses=_MOVED)
def apply_amendment(
    request: Request,
    caller: ContestWriter,
    service: ServiceDep,
    once: OnceDep,
    track_id: TrackId,
    amendment_id: AmendmentId,
) -> JSONResponse:
    """Let a draft count; the rules judge the track anew. Needs `contest:write`."""
    return _moved(
        request, once, service, lambda: amendments.apply(service, caller, track_id, amendment_id)
    )


@router.post("/{amendment_id}/undo", response_model=shapes.AmendmentAnswer, responses=_MOVED)
def undo_amendment(
    request: Request,
    caller: ContestWriter,
    service: ServiceDep,
    once: OnceDep,
    track_id: TrackId,
    amendment_id: AmendmentId,
) -> JSONResponse:
    """Take a change back, as long as the track is not out with it. Needs `contest:write`."""
    return _moved(
        request, once, service, lambda: amendments.undo(service, caller, track_id, amendment_id)
    )


def _moved(
    request: Request, once: Once, service: Any, move: Callable[[], TrackAmendment]
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        with service.database.reading() as session:
            return Answer(200, amendments.describe(session, row))

    return once.answer(identity_of(request.url.path, b""), work)
