"""HTTP resource of what the person behind an account objects to (GDPR-21, GDPR-22)."""

from typing import Any

from fastapi import APIRouter, Response

from scanner import objections
from scanner.dependencies import ServiceDep, UpdateMatch, etag
from scanner.problems import problems
from scanner.routes.accounts import PUT, AccountName, AccountsWriter, ReadableAccount
from scanner.routing import Route
from scanner.schemas import objections as shapes

router = APIRouter(prefix="/v1/accounts/{account}/objections", tags=["people"], route_class=Route)


@router.get(
    "",
    response_model=shapes.ObjectionsAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_objections(
    account: ReadableAccount, service: ServiceDep, response: Response
) -> dict[str, Any]:
    """What the person objects to, and since when. Needs the scope `accounts:read`."""
    with service.database.reading() as session:
        view = objections.describe(session, account)
    response.headers.update(etag(view["version"]))
    return view


@router.put(
    "",
    response_model=shapes.ObjectionsAnswer,
    response_model_exclude_unset=True,
    responses=problems(*PUT),
)
def put_objections(
    caller: AccountsWriter,
    account: AccountName,
    match: UpdateMatch,
    wanted: shapes.ObjectionsAsked,
    service: ServiceDep,
    response: Response,
) -> dict[str, Any]:
    """Set or end objections, from the next event on. Needs the scope `accounts:write`.

    Where there were some before, `If-Match` is needed.
    """
    with service.database.reading() as session:
        present = objections.version_of(session, caller.tenant_id, account)
    expected = match.check(present)
    said: dict[Any, bool] = wanted.model_dump(exclude_none=True)
    view = objections.put(service, caller, account, said, expected_version=expected)
    response.headers.update(etag(view["version"]))
    return view
