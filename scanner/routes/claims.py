"""HTTP resources for claims: what rights holders hold against tracks."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import claim_releases, claim_views, cursors
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.rights_callers import POSTED, ContestReader, ContestWriter
from scanner.routing import Route
from scanner.schemas import rights as shapes

router = APIRouter(prefix="/v1/claims", tags=["contest"], route_class=Route)


def claim_id_of(claim_id: Annotated[str, Path(description="The claim's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(claim_id):
        raise NotFoundError("claim", "of this id")
    return claim_id


ClaimId = Annotated[str, Depends(claim_id_of)]


@router.get(
    "",
    response_model=shapes.Claims,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_claims(
    caller: ContestReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    track_id: Annotated[str | None, Query(max_length=36, description="Only of this track.")] = None,
    state: Annotated[str | None, Query(max_length=20, description="Only in this state.")] = None,
) -> dict[str, Any]:
    """List claims: a holder's own, a creator's, or all of the platform. Needs `contest:read`."""
    (before,) = cursors.decode("claims", cursor, str) or (None,)
    with service.database.reading() as session:
        found = claim_views.listed(
            session, caller, limit=limit + 1, before=before, track_id=track_id, state=state
        )
        items = claim_views.describe_all(session, found[:limit])
    next_cursor = cursors.encode("claims", items[-1]["id"]) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.get(
    "/{claim_id}",
    response_model=shapes.ClaimAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_claim(
    caller: ContestReader, service: ServiceDep, claim_id: ClaimId, response: Response
) -> dict[str, Any]:
    """One claim, with how often its claimant was right. Needs `contest:read`."""
    with service.database.reading() as session:
        claim = claim_views.find(session, caller, claim_id)
        response.headers.update(etag(claim.version))
        return claim_views.describe(session, claim)


@router.post(
    "/{claim_id}/release",
    response_model=shapes.ClaimAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition", "conflict"),
)
def release_claim(
    request: Request,
    caller: ContestWriter,
    service: ServiceDep,
    claim_id: ClaimId,
    once: OnceDep,
) -> JSONResponse:
    """Give a claim up, as its holder; its track is decided on anew. Needs `contest:write`."""

    def work() -> Answer:
        claim = claim_releases.release(service, caller, claim_id)
        with service.database.reading() as session:
            return Answer(200, claim_views.describe(session, claim), etag(claim.version))

    return once.answer(identity_of(request.url.path, b""), work)
