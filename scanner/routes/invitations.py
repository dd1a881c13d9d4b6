"""HTTP resources for invitations to work on somebody's project: seen, accepted, declined."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from scanner import people, queues, take_invitations
from scanner.dependencies import OnceDep, ServiceDep, TracksReader, TracksWriter, known_id
from scanner.problems import problems
from scanner.replays import Answer, identity_of
from scanner.routing import Route
from scanner.schemas import takes as shapes

router = APIRouter(prefix="/v1/invitations", tags=["generations"], route_class=Route)

InvitationId = Annotated[str, Path(description="The invitation's id.")]


@router.get("", response_model=shapes.Invitations, responses=problems("not-found", "bad-fields"))
def list_invitations(
    caller: TracksReader,
    service: ServiceDep,
    account: Annotated[
        str | None, Query(max_length=200, description="Only those to this account.")
    ] = None,
) -> dict[str, Any]:
    """List the invitations that wait for an answer, newest first. Needs the scope `tracks:read`."""
    queues.check_list(caller)
    with service.database.reading() as session:
        account_id = people.find(session, caller.tenant_id, account).id if account else None
        found = take_invitations.waiting(service, session, caller, account_id)
        return {"items": [take_invitations.describe(session, row) for row in found]}


@router.post(
    "/{invitation_id}/accept",
    response_model=shapes.Invitation,
    responses=problems(
        "not-found",
        "forbidden",
        "gate-closed",
        "illegal-transition",
        "in-progress",
        "idempotency-conflict",
    ),
)
def accept_invitation(
    request: Request,
    invitation_id: InvitationId,
    caller: TracksWriter,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Say that the account will work on the project. Needs the scope `tracks:write`.

    A child needs a parent's consent to `publish`: others see what is made together.
    """
    known_id(invitation_id, "invitation")

    def work() -> Answer:
        row = take_invitations.accept(service, caller, invitation_id)
        with service.database.reading() as session:
            return Answer(200, take_invitations.describe(session, row), {})

    return once.answer(identity_of(request.url.path, b""), work)


@router.post(
    "/{invitation_id}/decline",
    response_model=shapes.Invitation,
    responses=problems(
        "not-found", "forbidden", "illegal-transition", "in-progress", "idempotency-conflict"
    ),
)
def decline_invitation(
    request: Request,
    invitation_id: InvitationId,
    caller: TracksWriter,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Say no, for good: the project does not ask again. Needs the scope `tracks:write`."""
    known_id(invitation_id, "invitation")

    def work() -> Answer:
        row = take_invitations.decline(service, caller, invitation_id)
        with service.database.reading() as session:
            return Answer(200, take_invitations.describe(session, row), {})

    return once.answer(identity_of(request.url.path, b""), work)
