"""HTTP resources for disputes of claims: filed by creators, answered by holders (DSM-17-9)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from scanner import claim_views, cursors, disputes, evidence
from scanner.callers import Caller
from scanner.dependencies import Cursor, Limit, OnceDep, ServiceDep, etag, is_id
from scanner.disputes import Answered, Filed
from scanner.errors import ForbiddenError, NotFoundError
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
from scanner.routing import Route
from scanner.schemas import rights as shapes
from scanner.service import Service
from scanner.tables import Dispute

router = APIRouter(prefix="/v1/disputes", tags=["contest"], route_class=Route)


def dispute_id_of(dispute_id: Annotated[str, Path(description="The dispute's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(dispute_id):
        raise NotFoundError("dispute", "of this id")
    return dispute_id


DisputeId = Annotated[str, Depends(dispute_id_of)]


@router.get(
    "",
    response_model=shapes.Disputes,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_disputes(
    caller: ContestReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[str | None, Query(max_length=20, description="Only in this state.")] = None,
) -> dict[str, Any]:
    """List the disputes that you are a party to, newest first. Needs `contest:read`."""
    (before,) = cursors.decode("disputes", cursor, str) or (None,)
    with service.database.reading() as session:
        found = disputes.listed(session, caller, limit=limit + 1, before=before, state=state)
        page = found[:limit]
        items = [claim_views.describe_dispute(session, caller, each) for each in page]
    next_cursor = cursors.encode("disputes", page[-1].id) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.DisputeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def file_dispute(
    request: Request,
    caller: ContestWriter,
    once: OnceDep,
    wanted: shapes.DisputeAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Object to a claim; the holder has 30 days to answer, or it is released. Needs `contest:write`.

    A claim that blocks is not disputed but appealed at once.
    """

    def file() -> Dispute:
        filed = Filed(
            wanted.claim_id,
            wanted.grounds,
            wanted.text,
            wanted.attestation.model_dump(),
            _spans(wanted.segments),
        )
        return disputes.file(service, caller, filed)

    return _moved(request, once, service, caller, wanted.model_dump_json(), file, 201)


@router.get(
    "/{dispute_id}",
    response_model=shapes.DisputeAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_dispute(
    caller: ContestReader, service: ServiceDep, dispute_id: DisputeId, response: Response
) -> dict[str, Any]:
    """One dispute, with its evidence. Needs `contest:read`."""
    with service.database.reading() as session:
        dispute, _ = disputes.find(session, caller, dispute_id)
        response.headers.update(etag(dispute.version))
        return claim_views.describe_dispute(session, caller, dispute)


@router.post(
    "/{dispute_id}/answer",
    response_model=shapes.DisputeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition", "conflict"),
)
def answer_dispute(
    request: Request,
    caller: ContestWriter,
    dispute_id: DisputeId,
    once: OnceDep,
    wanted: shapes.DisputeAnswered,
    service: ServiceDep,
) -> JSONResponse:
    """Answer as the holder: release all or some seconds, uphold, or escalate. Needs `contest:write`."""

    def answer() -> Dispute:
        given = Answered(
            wanted.answer,
            wanted.text,
            _spans(wanted.segments),
            wanted.remedy,
            wanted.territories,
            wanted.elements,
        )
        return disputes.answer(service, caller, dispute_id, given)

    return _moved(request, once, service, caller, wanted.model_dump_json(), answer)


@router.post(
    "/{dispute_id}/withdraw",
    response_model=shapes.DisputeAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def withdraw_dispute(
    request: Request,
    caller: ContestWriter,
    dispute_id: DisputeId,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Take a dispute back: the claim acts as before. Needs `contest:write`."""

    def withdraw() -> Dispute:
        return disputes.withdraw(service, caller, dispute_id)

    return _moved(request, once, service, caller, "", withdraw)


@router.get(
    "/{dispute_id}/evidence",
    response_model=shapes.EvidenceList,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def list_evidence(
    caller: ContestReader, service: ServiceDep, dispute_id: DisputeId
) -> dict[str, Any]:
    """List what both parties put forward. Needs `contest:read`."""
    with service.database.reading() as session:
        dispute, _ = disputes.find(session, caller, dispute_id)
        return {"items": evidence.listed(session, (Dispute.KIND, dispute.id))}


@router.post(
    "/{dispute_id}/evidence",
    status_code=201,
    response_model=shapes.EvidenceAnswer,
    responses=problems(*FILED, "illegal-transition"),
    openapi_extra={"requestBody": FILE_BODY},
)
async def add_evidence(
    request: Request, caller: ContestWriter, service: ServiceDep, dispute_id: DisputeId
) -> JSONResponse:
    """Put a file forward: PDF, image, text or audio, 10 MiB at most, until the dispute is over.

    Needs `contest:write`.
    """
    if caller.user_id is not None:
        raise ForbiddenError("only a party says this")
    with service.database.reading() as session:
        dispute, _ = disputes.find(session, caller, dispute_id)
    evidence.refuse_over(dispute)
    done = await received(request, service, caller, (Dispute.KIND, dispute.id))
    return JSONResponse(done.body, done.status)


def _spans(given: list[shapes.Span]) -> list[tuple[float, float]]:
    return [(each.start, each.end) for each in given]


def _moved(
    request: Request,
    once: Once,
    service: Service,
    caller: Caller,
    body: str,
    move: Callable[[], Dispute],
    status: int = 200,
) -> JSONResponse:
    def work() -> Answer:
        dispute = move()
        with service.database.reading() as session:
            view = claim_views.describe_dispute(session, caller, dispute)
        return Answer(status, view, etag(dispute.version))

    return once.answer(identity_of(request.url.path, body.encode()), work)
