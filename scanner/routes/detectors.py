"""HTTP resources about the detectors: whether their scores drift, and stored tracks looked at by newer ones."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from scanner import cursors, drift, rescans
from scanner.dependencies import Cursor, Limit, OnceDep, Operator, ServiceDep, known_id
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import detectors as shapes

router = APIRouter(prefix="/v1", tags=["operations"], route_class=Route)
RescanId = Annotated[str, Path(description="The rescan's id.")]
_BODY = ("malformed-json", "unsupported-media-type", "bad-fields")
_ONCE = ("in-progress", "idempotency-conflict")


@router.get(
    "/drift",
    response_model=shapes.Drift,
    response_model_exclude_unset=True,
    responses=problems("bad-fields"),
)
def read_drift(
    caller: Operator,
    service: ServiceDep,
    days: Annotated[int, Query(ge=1, le=400, description="Newest days of each kind.")] = 14,
) -> dict[str, Any]:
    """How far each day's scores are from the frozen baselines. Needs the scope `operations`."""
    with service.database.reading() as session:
        return {"items": drift.described(session, caller.tenant_id, limit=days)}


@router.post(
    "/drift/baselines",
    status_code=201,
    response_model=shapes.FrozenBaselines,
    responses=problems("conflict", *_BODY, *_ONCE),
)
def freeze_baselines(
    request: Request,
    caller: Operator,
    service: ServiceDep,
    once: OnceDep,
    wanted: shapes.BaselineAsked,
) -> JSONResponse:
    """Freeze the scores of some days as what later days are held against. Needs the scope `operations`."""

    def work() -> Answer:
        frozen = drift.freeze(service, caller, wanted.first_day, wanted.last_day)
        return Answer(201, {"items": [drift.told(each) for each in frozen]})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.post(
    "/rescans",
    status_code=201,
    response_model=shapes.RescanAnswer,
    response_model_exclude_unset=True,
    responses=problems("conflict", *_BODY, *_ONCE),
)
def start_rescan(
    request: Request,
    caller: Operator,
    service: ServiceDep,
    once: OnceDep,
    wanted: shapes.RescanAsked,
) -> JSONResponse:
    """Look again at stored tracks that other versions of detectors looked at. Needs the scope `operations`."""

    def work() -> Answer:
        run = rescans.start(service, caller, wanted.detectors)
        return Answer(201, rescans.described(run), {"Location": f"/v1/rescans/{run.id}"})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/rescans",
    response_model=shapes.Rescans,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_rescans(
    caller: Operator, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List rescans, newest first. Needs the scope `operations`."""
    (before,) = cursors.decode("rescans", cursor, str) or (None,)
    with service.database.reading() as session:
        found = rescans.listed(session, caller.tenant_id, limit=limit + 1, before=before)
    next_cursor = cursors.encode("rescans", found[limit - 1].id) if len(found) > limit else None
    return {
        "items": [rescans.described(each) for each in found[:limit]],
        "next_cursor": next_cursor,
    }


@router.get(
    "/rescans/{rescan_id}",
    response_model=shapes.RescanAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_rescan(caller: Operator, service: ServiceDep, rescan_id: RescanId) -> dict[str, Any]:
    """How far a rescan has come. Needs the scope `operations`."""
    with service.database.reading() as session:
        return rescans.described(
            rescans.find(session, caller.tenant_id, known_id(rescan_id, "rescan"))
        )


@router.post(
    "/rescans/{rescan_id}/stop",
    response_model=shapes.RescanAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found", "conflict", *_ONCE),
)
def stop_rescan(
    request: Request, caller: Operator, service: ServiceDep, once: OnceDep, rescan_id: RescanId
) -> JSONResponse:
    """End a rescan before its end; another one goes on with what is left. Needs the scope `operations`."""
    known_id(rescan_id, "rescan")

    def work() -> Answer:
        return Answer(200, rescans.described(rescans.stop(service, caller, rescan_id)))

    return once.answer(identity_of(request.url.path, b""), work)
