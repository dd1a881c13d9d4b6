"""HTTP resources of presumed lawful uses in Germany, and of flags of a lawful use (DE-URHDAG)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import cursors, lawful_uses, presumed_uses
from scanner.declarations import Attestation
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.presumed_uses import Attested
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.rights_callers import POSTED, ContestReader, ContestWriter
from scanner.routing import Route
from scanner.schemas import presumed_uses as shapes
from scanner.service import Service
from scanner.tables import PresumedUse

router = APIRouter(prefix="/v1", tags=["contest"], route_class=Route)


def use_id_of(use_id: Annotated[str, Path(description="The presumed use's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(use_id):
        raise NotFoundError("presumed use", "of this id")
    return use_id


UseId = Annotated[str, Depends(use_id_of)]


@router.get(
    "/presumed-uses",
    response_model=shapes.PresumedUses,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_presumed_uses(
    caller: ContestReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[str | None, Query(max_length=20, description="Only in this state.")] = None,
) -> dict[str, Any]:
    """List presumed uses of your works, or in your tracks, newest first. Needs `contest:read`."""
    (before,) = cursors.decode("presumed-uses", cursor, str) or (None,)
    with service.database.reading() as session:
        found = presumed_uses.listed(session, caller, limit=limit + 1, before=before, state=state)
        items = [presumed_uses.describe(session, each) for each in found[:limit]]
    more = len(found) > limit
    next_cursor = cursors.encode("presumed-uses", found[limit - 1].id) if more else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/presumed-uses/{use_id}",
    response_model=shapes.PresumedUseAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_presumed_use(
    caller: ContestReader, service: ServiceDep, use_id: UseId, response: Response
) -> dict[str, Any]:
    """One presumed use. Needs `contest:read`."""
    with service.database.reading() as session:
        row = presumed_uses.find(session, caller, use_id)
        response.headers.update(etag(row.version))
        return presumed_uses.describe(session, row)


@router.post(
    "/presumed-uses/{use_id}/complaint",
    response_model=shapes.PresumedUseAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def complain(
    request: Request,
    caller: ContestWriter,
    use_id: UseId,
    once: OnceDep,
    wanted: shapes.UseComplaint,
    service: ServiceDep,
) -> JSONResponse:
    """Contest a presumed use as its holder; a person decides within a week. Needs `contest:write`."""
    block = Attested(**wanted.block.model_dump()) if wanted.block is not None else None
    return _moved(
        request,
        once,
        service,
        wanted.model_dump_json(),
        lambda: presumed_uses.complain(service, caller, use_id, wanted.reason, block),
    )


@router.post(
    "/presumed-uses/{use_id}/comment",
    response_model=shapes.PresumedUseAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def comment(
    request: Request,
    caller: ContestWriter,
    use_id: UseId,
    once: OnceDep,
    wanted: shapes.UseComment,
    service: ServiceDep,
) -> JSONResponse:
    """Say what you think of a complaint about your track. Needs `contest:write`."""
    return _moved(
        request,
        once,
        service,
        wanted.model_dump_json(),
        lambda: presumed_uses.comment(service, caller, use_id, wanted.text),
    )


@router.post(
    "/presumed-uses/{use_id}/withdraw",
    response_model=shapes.PresumedUseAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def withdraw_complaint(
    request: Request, caller: ContestWriter, use_id: UseId, once: OnceDep, service: ServiceDep
) -> JSONResponse:
    """Take a complaint back as the holder. Needs `contest:write`."""
    return _moved(
        request, once, service, "", lambda: presumed_uses.withdraw(service, caller, use_id)
    )


@router.post(
    "/tracks/{track_id}/lawful-use",
    response_model=shapes.LawfulUseAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition", "conflict"),
)
def flag_lawful_use(
    request: Request,
    caller: ContestWriter,
    track_id: Annotated[str, Path(description="The track's id.")],
    once: OnceDep,
    wanted: shapes.LawfulUse,
    service: ServiceDep,
) -> JSONResponse:
    """Say after the upload that a use is allowed by law; rules decide anew. Needs `contest:write`."""
    if not is_id(track_id):
        raise NotFoundError("track", "of this id")

    def work() -> Answer:
        attested = Attestation(at=service.now(), **wanted.model_dump())
        track = lawful_uses.flag(service, caller, track_id, attested)
        body = {"track_id": track.id, "state": track.state, "decision_id": track.decision_id}
        return Answer(200, body, {})

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


def _moved(
    request: Request,
    once: Once,
    service: Service,
    body: str,
    move: Callable[[], PresumedUse],
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        with service.database.reading() as session:
            view = presumed_uses.describe(session, row)
        return Answer(200, view, etag(row.version))

    return once.answer(identity_of(request.url.path, body.encode()), work)
