"""HTTP resources for shares: who holds how much of a right, where and when."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from scanner import cursors, rights
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.rights_callers import POSTED, RightsReader, RightsWriter
from scanner.routing import Route
from scanner.schemas import rights as shapes

router = APIRouter(prefix="/v1/shares", tags=["rights"], route_class=Route)


@router.get(
    "",
    response_model=shapes.RightsShares,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_shares(
    caller: RightsReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    subject: Annotated[
        str | None, Query(max_length=36, description="Only in this reference or work.")
    ] = None,
) -> dict[str, Any]:
    """List shares, newest first; a holder's key sees its own. Needs `rights:read`."""
    (before,) = cursors.decode("shares", cursor, str) or (None,)
    with service.database.reading() as session:
        found = rights.shares(session, caller, limit=limit + 1, before=before, subject=subject)
    page = found[:limit]
    next_cursor = cursors.encode("shares", page[-1].id) if len(found) > limit else None
    return {"items": [rights.describe_share(each) for each in page], "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.RightsShareAnswer,
    responses=problems("not-found", *POSTED, "conflict"),
)
def record_share(
    request: Request,
    caller: RightsWriter,
    once: OnceDep,
    wanted: shapes.ShareAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Record a share; more than all of a right is refused, with the others. Needs `rights:write`."""

    def work() -> Answer:
        share = rights.record_share(service, caller, rights.ShareAsked(**wanted.model_dump()))
        return Answer(201, rights.describe_share(share))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.post(
    "/{share_id}/correction",
    response_model=shapes.RightsShareAnswer,
    responses=problems("not-found", *POSTED, "conflict"),
)
def correct_share(
    request: Request,
    caller: RightsWriter,
    service: ServiceDep,
    share_id: Annotated[str, Path(description="The share's id.")],
    once: OnceDep,
    wanted: shapes.ShareCorrection,
) -> JSONResponse:
    """Change how much a share is, or end it with its last day. Needs `rights:write`."""
    if not is_id(share_id):
        raise NotFoundError("share", "of this id")

    def work() -> Answer:
        share = rights.correct_share(service, caller, share_id, **wanted.model_dump())
        return Answer(200, rights.describe_share(share), etag(share.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)
