"""HTTP resources of sanctions and of an account's standing (DSA-23, DMCA-RI)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from appeals.standing import Submissions
from scanner import account_standing, cursors, sanctions
from scanner.callers import Caller
from scanner.dependencies import (
    CallerDep,
    Cursor,
    Holding,
    Limit,
    OnceDep,
    ServiceDep,
    etag,
    is_id,
)
from scanner.errors import ForbiddenError, NotFoundError
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.routes.accounts import ReadableAccount
from scanner.routes.appeals import POSTED
from scanner.routing import Route
from scanner.schemas import appeals as shapes
from scanner.tables import Sanction

router = APIRouter(tags=["sanctions"], route_class=Route)

Officer = Annotated[Caller, Security(Holding("cases:decide"))]
SanctionId = Annotated[str, Path(description="The sanction's id.")]


def sanctions_reader(caller: CallerDep) -> Caller:
    """Return a caller who may read sanctions: a party, the platform, or staff."""
    if not caller.scopes & {"contest:read", "cases:read"}:
        raise ForbiddenError("this key lacks the scopes contest:read and cases:read; one is needed")
    return caller


Reader = Annotated[Caller, Depends(sanctions_reader)]


def officers_id(caller: Officer, service: ServiceDep, sanction_id: SanctionId) -> str:
    """Return the id of a sanction for an officer."""
    if not is_id(sanction_id):
        raise NotFoundError("sanction", "of this id")
    with service.database.reading() as session:
        sanctions.find(session, caller, sanction_id)
    return sanction_id


OfficersId = Annotated[str, Depends(officers_id)]


@router.get(
    "/v1/accounts/{account}/standing",
    response_model=shapes.StandingAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_standing(account: ReadableAccount, service: ServiceDep) -> dict[str, Any]:
    """Strikes, sanctions, reputation and badges of an account. Needs the scope `accounts:read`."""
    with service.database.reading() as session:
        return account_standing.describe(service, session, account)


@router.get(
    "/v1/sanctions",
    response_model=shapes.Sanctions,
    response_model_exclude_unset=True,
    responses=problems("bad-fields", "bad-cursor"),
)
def list_sanctions(
    caller: Reader, service: ServiceDep, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """List the sanctions that you may see, newest first. Needs `contest:read` or `cases:read`."""
    (before,) = cursors.decode("sanctions", cursor, str) or (None,)
    with service.database.reading() as session:
        found = sanctions.listed(session, caller, limit=limit + 1, before=before)
    page = found[:limit]
    next_cursor = cursors.encode("sanctions", page[-1].id) if len(found) > limit else None
    items = [account_standing.describe_sanction(each) for each in page]
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "/v1/sanctions",
    status_code=201,
    response_model=shapes.SanctionAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def propose_sanction(
    request: Request,
    caller: Officer,
    once: OnceDep,
    wanted: shapes.SanctionAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Give a warning; propose a suspension or an end, for a second officer. Needs `cases:decide`."""
    factors = wanted.factors
    asked = sanctions.SanctionAsked(
        party_kind=wanted.party.kind,
        party_id=wanted.party.id,
        what=wanted.what,
        kind=wanted.kind,
        reason=wanted.reason,
        sent=Submissions(factors.total, factors.unfounded, factors.gravity, factors.intent),
        days=wanted.days,
    )
    return _moved(
        request, once, wanted, lambda: sanctions.propose(service, caller, asked), status=201
    )


@router.get(
    "/v1/sanctions/{sanction_id}",
    response_model=shapes.SanctionAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_sanction(
    sanction_id: SanctionId, caller: Reader, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """One sanction. Needs `contest:read` or `cases:read`."""
    if not is_id(sanction_id):
        raise NotFoundError("sanction", "of this id")
    with service.database.reading() as session:
        row = sanctions.find(session, caller, sanction_id)
    response.headers.update(etag(row.version))
    return account_standing.describe_sanction(row)


@router.post(
    "/v1/sanctions/{sanction_id}/signature",
    response_model=shapes.SanctionAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def sign_sanction(
    request: Request,
    sanction_id: OfficersId,
    caller: Officer,
    once: OnceDep,
    wanted: shapes.SignatureAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Sign a proposed sanction as the second officer, or refuse it. Needs `cases:decide`."""
    return _moved(
        request,
        once,
        wanted,
        lambda: sanctions.sign(service, caller, sanction_id, wanted.agrees, wanted.reason),
    )


@router.post(
    "/v1/sanctions/{sanction_id}/lift",
    response_model=shapes.SanctionAnswer,
    response_model_exclude_unset=True,
    responses=problems(*POSTED),
)
def lift_sanction(
    request: Request,
    sanction_id: OfficersId,
    caller: Officer,
    once: OnceDep,
    wanted: shapes.LiftAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Take a sanction back before its time. Needs `cases:decide`."""
    return _moved(
        request, once, wanted, lambda: sanctions.lift(service, caller, sanction_id, wanted.reason)
    )


def _moved(
    request: Request,
    once: Once,
    wanted: BaseModel,
    move: Callable[[], Sanction],
    status: int = 200,
) -> JSONResponse:
    def work() -> Answer:
        row = move()
        location = {"Location": f"/v1/sanctions/{row.id}"} if status == 201 else {}
        body = account_standing.describe_sanction(row)
        return Answer(status, body, etag(row.version) | location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)
