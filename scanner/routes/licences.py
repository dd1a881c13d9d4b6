"""HTTP resources for licences: the only thing that makes a match licensed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from scanner import cursors, rights
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.rights_callers import POSTED, RightsReader, RightsWriter
from scanner.routing import Route
from scanner.schemas import rights as shapes

router = APIRouter(prefix="/v1/licences", tags=["rights"], route_class=Route)


@router.get(
    "",
    response_model=shapes.Licences,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_licences(
    caller: RightsReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List licences, those that ended too, newest first. Needs `rights:read`."""
    (before,) = cursors.decode("licences", cursor, str) or (None,)
    with service.database.reading() as session:
        found = rights.licences(session, caller, limit=limit + 1, before=before)
    page = found[:limit]
    next_cursor = cursors.encode("licences", page[-1].id) if len(found) > limit else None
    return {"items": [rights.describe_licence(each) for each in page], "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.LicenceAnswer,
    responses=problems("not-found", *POSTED),
)
def grant_licence(
    request: Request,
    caller: RightsWriter,
    once: OnceDep,
    wanted: shapes.LicenceAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Record a licence: the claims that it covers end. Needs `rights:write`."""

    def work() -> Answer:
        licence = rights.grant_licence(service, caller, rights.LicenceAsked(**wanted.model_dump()))
        return Answer(201, rights.describe_licence(licence), etag(licence.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.post(
    "/{licence_id}/end",
    response_model=shapes.LicenceAnswer,
    responses=problems("not-found", *POSTED),
)
def end_licence(
    request: Request,
    caller: RightsWriter,
    service: ServiceDep,
    licence_id: Annotated[str, Path(description="The licence's id.")],
    once: OnceDep,
) -> JSONResponse:
    """End a licence now; what comes is judged without it. Needs `rights:write`."""
    if not is_id(licence_id):
        raise NotFoundError("licence", "of this id")

    def work() -> Answer:
        licence = rights.end_licence(service, caller, licence_id)
        return Answer(200, rights.describe_licence(licence), etag(licence.version))

    return once.answer(identity_of(request.url.path, b""), work)
