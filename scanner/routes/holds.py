"""HTTP resources of legal holds: placed and lifted by operators, and on record for ever."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from scanner import cursors
from scanner.audit_proofs import Hidden
from scanner.callers import Caller
from scanner.dependencies import (
    Cursor,
    IfMatch,
    Limit,
    OnceDep,
    Operator,
    ServiceDep,
    etag,
    is_id,
)
from scanner.errors import NotFoundError
from scanner.privacy import holds
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import holds as shapes
from scanner.service import Service
from scanner.tables import LegalHold

router = APIRouter(prefix="/v1/holds", tags=["privacy"], route_class=Route)
HoldId = Annotated[str, Path(description="The hold's id.")]


@router.post(
    "",
    status_code=201,
    response_model=shapes.LegalHoldAnswer,
    responses=problems(
        "not-found",
        "malformed-json",
        "unsupported-media-type",
        "bad-fields",
        "in-progress",
        "idempotency-conflict",
    ),
)
def place_hold(
    request: Request,
    caller: Operator,
    service: ServiceDep,
    once: OnceDep,
    wanted: shapes.HoldAsked,
) -> JSONResponse:
    """Keep an account, a track or a matter from being erased. Needs the scope `operations`."""
    if not is_id(wanted.id):
        raise NotFoundError("object", "of this id")

    def work() -> Answer:
        hold = holds.place(service, caller, wanted.kind, wanted.id, wanted.basis, wanted.until)
        with service.database.reading() as session:
            shown = _shown(service, session, caller, hold)
        return Answer(201, shown, etag(hold.version) | {"Location": f"/v1/holds/{hold.id}"})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get("", response_model=shapes.LegalHolds, responses=problems("bad-fields", "bad-cursor"))
def list_holds(
    caller: Operator, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List holds, those that ended included, newest first. Needs the scope `operations`."""
    (before,) = cursors.decode("holds", cursor, str) or (None,)
    with service.database.reading() as session:
        found = holds.listed(session, caller.tenant_id, limit=limit + 1, before=before)
        page = [_shown(service, session, caller, each) for each in found[:limit]]
    next_cursor = cursors.encode("holds", page[-1]["id"]) if len(found) > limit else None
    return {"items": page, "next_cursor": next_cursor}


@router.get("/{hold_id}", response_model=shapes.LegalHoldAnswer, responses=problems("not-found"))
def read_hold(
    caller: Operator, service: ServiceDep, hold_id: HoldId, response: Response
) -> dict[str, Any]:
    """One hold. Needs the scope `operations`."""
    with service.database.reading() as session:
        hold = _found(session, caller, hold_id)
        response.headers.update(etag(hold.version))
        return _shown(service, session, caller, hold)


@router.delete(
    "/{hold_id}",
    status_code=204,
    responses=problems("not-found", "precondition-required", "precondition-failed"),
)
def lift_hold(
    caller: Operator, service: ServiceDep, hold_id: HoldId, precondition: IfMatch
) -> None:
    """End a hold: what it kept may be erased again. Needs the scope `operations`."""
    with service.database.reading() as session:
        precondition.check(_found(session, caller, hold_id).version)
    holds.lift(service, caller, hold_id)


def _found(session: Session, caller: Caller, hold_id: str) -> LegalHold:
    if not is_id(hold_id):
        raise NotFoundError("legal hold", "of this id")
    return holds.find(session, caller.tenant_id, hold_id)


def _shown(service: Service, session: Session, caller: Caller, hold: LegalHold) -> dict[str, Any]:
    return Hidden(service, session, caller).data(holds.describe(hold))
