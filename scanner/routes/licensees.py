"""HTTP resources for licensees: who may use the model and its marks, and the clock of CA-942."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from scanner import cursors, licensees, mark_schemas
from scanner.dependencies import Cursor, Limit, OnceDep, Operator, OwnLicensee, ServiceDep, etag
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.tables import MarkLicensee

router = APIRouter(prefix="/v1/watermarks/licensees", tags=["watermarks"], route_class=Route)

_POSTED: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)


@router.get(
    "",
    response_model=mark_schemas.Licensees,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_licensees(
    caller: Operator, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List licensees, newest first. Needs the scope `operations`."""
    before: Any = cursors.decode("licensees", cursor, datetime, str)
    with service.database.reading() as session:
        found = licensees.listed(session, caller.tenant_id, limit=limit + 1, before=before)
        page = found[:limit]
        items = [licensees.describe(each) for each in page]
    more = len(found) > limit
    next_cursor = cursors.encode("licensees", page[-1].created_at, page[-1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=mark_schemas.LicenseeAnswer,
    responses=problems(*_POSTED, "conflict"),
)
def add_licensee(
    request: Request,
    caller: Operator,
    once: OnceDep,
    wanted: mark_schemas.LicenseeAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Let somebody use the model and its marks. Needs the scope `operations`."""

    def work() -> Answer:
        row = licensees.add(service, caller, wanted.name)
        location = {"Location": f"/v1/watermarks/licensees/{row.id}"}
        return Answer(201, licensees.describe(row), etag(row.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/{licensee_id}",
    response_model=mark_schemas.LicenseeAnswer,
    responses=problems("not-found"),
)
def read_licensee(licensee: OwnLicensee, response: Response) -> dict[str, Any]:
    """One licensee. Needs the scope `operations`."""
    response.headers.update(etag(licensee.version))
    return licensees.describe(licensee)


@router.post(
    "/{licensee_id}/notice",
    response_model=mark_schemas.LicenseeAnswer,
    responses=problems("not-found", *_POSTED, "illegal-transition"),
)
def notice_licensee(
    request: Request,
    licensee: OwnLicensee,
    caller: Operator,
    once: OnceDep,
    wanted: mark_schemas.Because,
    service: ServiceDep,
) -> JSONResponse:
    """Start the clock: the right ends within 96 hours, by itself if need be. Needs `operations`."""
    return _moved(
        request, once, wanted, lambda reason: licensees.notice(service, caller, licensee.id, reason)
    )


@router.post(
    "/{licensee_id}/revocation",
    response_model=mark_schemas.LicenseeAnswer,
    responses=problems("not-found", *_POSTED, "illegal-transition"),
)
def revoke_licensee(
    request: Request,
    licensee: OwnLicensee,
    caller: Operator,
    once: OnceDep,
    wanted: mark_schemas.Because,
    service: ServiceDep,
) -> JSONResponse:
    """Take the right away now. Needs the scope `operations`."""
    return _moved(
        request, once, wanted, lambda reason: licensees.revoke(service, caller, licensee.id, reason)
    )


def _moved(
    request: Request,
    once: OnceDep,
    wanted: mark_schemas.Because,
    move: Callable[[str], MarkLicensee],
) -> JSONResponse:
    def work() -> Answer:
        row = move(wanted.reason)
        return Answer(200, licensees.describe(row), etag(row.version))

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)
