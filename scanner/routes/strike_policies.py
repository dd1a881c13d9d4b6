"""HTTP resources of a platform's policy against repeat infringers (DMCA-RI): proposed, and approved by another."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from scanner import cursors, strike_policies
from scanner.dependencies import (
    Cursor,
    Limit,
    OnceDep,
    PolicyApprover,
    PolicyWriter,
    ServiceDep,
    etag,
    is_id,
)
from scanner.errors import NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.rights_callers import POSTED
from scanner.routing import Route
from scanner.schemas import strike_policies as shapes
from scanner.tables import StrikePolicyVersion

router = APIRouter(prefix="/v1/strike-policies", tags=["sanctions"], route_class=Route)


def policy_id_of(policy_id: Annotated[str, Path(description="The version's id.")]) -> str:
    """Return the id in the path, if it can be one."""
    if not is_id(policy_id):
        raise NotFoundError("strike policy", "of this id")
    return policy_id


PolicyId = Annotated[str, Depends(policy_id_of)]


@router.get(
    "",
    response_model=shapes.StrikePolicies,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_strike_policies(
    caller: PolicyWriter, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """What holds against repeat infringers, and its versions. Needs the scope `policies:write`."""
    (before,) = cursors.decode("strike-policies", cursor, str) or (None,)
    with service.database.reading() as session:
        holds = strike_policies.in_force(session, caller.tenant_id)
        found = strike_policies.listed(session, caller.tenant_id, limit=limit + 1, before=before)
    more = len(found) > limit
    return {
        "in_force": holds.version,
        "items": [strike_policies.describe(each) for each in found[:limit]],
        "next_cursor": cursors.encode("strike-policies", found[limit - 1].id) if more else None,
    }


@router.post(
    "",
    status_code=201,
    response_model=shapes.StrikePolicyAnswer,
    responses=problems(*POSTED),
)
def propose_strike_policy(
    request: Request,
    caller: PolicyWriter,
    once: OnceDep,
    wanted: shapes.StrikePolicyAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Propose a policy; another key puts it in force. Needs the scope `policies:write`."""
    return _moved(
        request,
        once,
        wanted.model_dump_json(),
        lambda: strike_policies.propose(service, caller, wanted.text, wanted.reason),
        201,
    )


@router.post(
    "/{policy_id}/approve",
    response_model=shapes.StrikePolicyAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def approve_strike_policy(
    request: Request,
    caller: PolicyApprover,
    policy_id: PolicyId,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Put what another key proposed in force. Needs the scope `policies:approve`."""
    return _moved(request, once, "", lambda: strike_policies.approve(service, caller, policy_id))


@router.post(
    "/{policy_id}/reject",
    response_model=shapes.StrikePolicyAnswer,
    responses=problems("not-found", *POSTED, "illegal-transition"),
)
def reject_strike_policy(
    request: Request,
    caller: PolicyApprover,
    policy_id: PolicyId,
    once: OnceDep,
    service: ServiceDep,
) -> JSONResponse:
    """Put a proposed policy away. Needs the scope `policies:approve`."""
    return _moved(request, once, "", lambda: strike_policies.reject(service, caller, policy_id))


def _moved(
    request: Request,
    once: Once,
    body: str,
    move: Callable[[], StrikePolicyVersion],
    status: int = 200,
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        return Answer(status, strike_policies.describe(row), etag(row.version))

    return once.answer(identity_of(request.url.path, body.encode()), work)
