"""HTTP resources for rights holders: named, reached, verified by a person."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from scanner import cursors, evidence, rights
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.rights_callers import (
    FILE_BODY,
    FILED,
    POSTED,
    HolderVerifier,
    RightsReader,
    RightsWriter,
    received,
)
from scanner.routing import Route
from scanner.schemas import rights as shapes
from scanner.service import Service
from scanner.tables import Holder

router = APIRouter(prefix="/v1/holders", tags=["rights"], route_class=Route)


def holder_id_of(holder_id: Annotated[str, Path(description="The holder's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(holder_id):
        raise NotFoundError("holder", "of this id")
    return holder_id


HolderId = Annotated[str, Depends(holder_id_of)]


@router.get(
    "",
    response_model=shapes.Holders,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_holders(
    caller: RightsReader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List holders, newest first; a holder's key sees itself. Needs `rights:read`."""
    (before,) = cursors.decode("holders", cursor, str) or (None,)
    with service.database.reading() as session:
        found = rights.holders(session, caller, limit=limit + 1, before=before)
        items = rights.describe_holders(session, found[:limit])
    next_cursor = cursors.encode("holders", items[-1]["id"]) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.HolderWhole,
    responses=problems(*POSTED, "conflict"),
)
def add_holder(
    request: Request,
    caller: RightsWriter,
    once: OnceDep,
    wanted: shapes.HolderAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Name a holder; their policies wait until a person has verified them. Needs `rights:write`."""

    def add() -> Holder:
        return rights.add_holder(
            service, caller, wanted.name, wanted.contact_email, wanted.language
        )

    return _moved(request, once, service, wanted.model_dump_json(), add, 201)


@router.get(
    "/{holder_id}",
    response_model=shapes.HolderWhole,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_holder(
    caller: RightsReader, service: ServiceDep, holder_id: HolderId, response: Response
) -> dict[str, Any]:
    """One holder, with how often their claims stood. Needs `rights:read`."""
    with service.database.reading() as session:
        holder = rights.find_holder(session, caller, holder_id)
        response.headers.update(etag(holder.version))
        return rights.describe_holder(session, holder)


@router.post(
    "/{holder_id}/contact",
    response_model=shapes.HolderWhole,
    responses=problems("not-found", *POSTED),
)
def reach_holder(
    request: Request,
    caller: RightsWriter,
    holder_id: HolderId,
    once: OnceDep,
    wanted: shapes.ContactAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Say where letters to a holder go. Needs `rights:write`."""

    def reach() -> Holder:
        return rights.reach_holder(
            service, caller, holder_id, wanted.contact_email, wanted.language
        )

    return _moved(request, once, service, wanted.model_dump_json(), reach)


@router.post(
    "/{holder_id}/verification",
    response_model=shapes.HolderWhole,
    responses=problems("not-found", *POSTED),
)
def verify_holder(
    request: Request,
    caller: HolderVerifier,
    holder_id: HolderId,
    once: OnceDep,
    wanted: shapes.VerificationAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Say, as a member of staff, whether the evidence holds. Needs `cases:decide`, or `rights:write`."""

    def verify() -> Holder:
        return rights.verify_holder(service, caller, holder_id, wanted.verified)

    return _moved(request, once, service, wanted.model_dump_json(), verify)


@router.post(
    "/{holder_id}/evidence",
    status_code=201,
    response_model=shapes.EvidenceAnswer,
    responses=problems(*FILED),
    openapi_extra={"requestBody": FILE_BODY},
)
async def add_evidence(
    request: Request, caller: RightsWriter, service: ServiceDep, holder_id: HolderId
) -> JSONResponse:
    """Show who a holder is: PDF, image, text or audio, 10 MiB at most. Needs `rights:write`."""
    with service.database.reading() as session:
        holder = rights.find_holder(session, caller, holder_id)
    done = await received(request, service, caller, ("holder", holder.id))
    return JSONResponse(done.body, done.status)


@router.get(
    "/{holder_id}/evidence",
    response_model=shapes.EvidenceList,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def list_evidence(caller: RightsReader, service: ServiceDep, holder_id: HolderId) -> dict[str, Any]:
    """List what shows who a holder is. Needs `rights:read`."""
    with service.database.reading() as session:
        holder = rights.find_holder(session, caller, holder_id)
        return {"items": evidence.listed(session, ("holder", holder.id))}


def _moved(
    request: Request,
    once: Once,
    service: Service,
    body: str,
    move: Callable[[], Holder],
    status: int = 200,
) -> JSONResponse:
    def work() -> Answer:
        holder = move()
        with service.database.reading() as session:
            view = rights.describe_holder(session, holder)
        return Answer(status, view, etag(holder.version))

    return once.answer(identity_of(request.url.path, body.encode()), work)
